package odoo

import (
	"context"
	"slices"
	"strings"
	"unicode"

	"meshline/sync/canon"
	"meshline/sync/fault"
)

// Resembling returns the active customers with the same tax number, the same
// e-mail domain or the same name, however it is written.
func (c *Client) Resembling(ctx context.Context, doc canon.Document) ([]canon.Resemblance, error) {
	wanted := doc.Customer
	found, err := c.partners(ctx, c.candidates(*wanted))
	if err != nil {
		return nil, err
	}
	var alike []canon.Resemblance
	for _, p := range found {
		if why := resembles(p, *wanted); why != "" {
			alike = append(alike, canon.Resemblance{ERP: c.shown(p, doc.Key), Name: p.Name.value, Why: why})
		}
	}
	return alike, nil
}

// candidates selects more than what resembles: Odoo knows no normalised names
// or numbers, so a word and some digits have to do.
func (c *Client) candidates(wanted canon.CustomerDocument) domain {
	where := domain{condition{"name", "=ilike", tellingPattern(wanted.Name)}}
	if digits := digitsOf(wanted.TaxNumber); digits != "" {
		where = append(domain{"|"}, append(where, condition{"vat", "=ilike", tail(digits)})...)
	}
	if host := ownDomain(wanted.BillingEmail); host != "" {
		where = append(domain{"|", "|"}, append(where, condition{"email", "ilike", "@" + host}, condition{"website", "ilike", host})...)
	}
	return append(domain{is("parent_id", false)}, where...)
}

func resembles(p partner, wanted canon.CustomerDocument) string {
	switch {
	case bare(wanted.TaxNumber) != "" && bare(p.VAT.value) == bare(wanted.TaxNumber):
		return "same tax number"
	case normalised(wanted.Name) == normalised(p.Name.value):
		return "same name"
	case ownDomain(wanted.BillingEmail) != "" && slices.Contains(p.hosts(), ownDomain(wanted.BillingEmail)):
		return "same domain"
	default:
		return ""
	}
}

// hosts are the domains that a customer is known by.
func (p partner) hosts() []string {
	var known []string
	for _, host := range []string{ownDomain(p.Email.value), ownDomain("@" + website(p.Website.value))} {
		if host != "" {
			known = append(known, host)
		}
	}
	return known
}

// website is the host of an address, without www.
func website(address string) string {
	_, rest, found := strings.Cut(strings.ToLower(strings.TrimSpace(address)), "://")
	if !found {
		rest = strings.ToLower(strings.TrimSpace(address))
	}
	host, _, _ := strings.Cut(rest, "/")
	return strings.TrimPrefix(host, "www.")
}

// Catalogue is every customer of the books at one moment, for comparing many
// records at once.
type Catalogue struct {
	client *Client
	all    []partner
	// places are the customers by what they are compared by.
	places map[string][]int
}

// Catalogue reads all active customers, page by page.
func (c *Client) Catalogue(ctx context.Context) (*Catalogue, error) {
	k := &Catalogue{client: c, places: map[string][]int{}}
	err := walk(ctx, c, modelPartner, domain{is("parent_id", false)}, partnerFields, func(p partner) int64 { return p.ID }, func(p partner) error {
		for _, trait := range traits(p.Name.value, p.VAT.value, p.hosts()) {
			k.places[trait] = append(k.places[trait], len(k.all))
		}
		k.all = append(k.all, p)
		return nil
	})
	return k, err
}

// traits are what two customers may have in common.
func traits(name, vat string, hosts []string) []string {
	all := []string{"name " + normalised(name)}
	if number := bare(vat); number != "" {
		all = append(all, "vat "+number)
	}
	for _, host := range hosts {
		all = append(all, "host "+host)
	}
	return all
}

// Resembling returns the customers that doc's customer may be.
func (k *Catalogue) Resembling(doc canon.Document) []canon.Resemblance {
	wanted := *doc.Customer
	var hosts []string
	if host := ownDomain(wanted.BillingEmail); host != "" {
		hosts = append(hosts, host)
	}
	seen := map[int]bool{}
	var alike []canon.Resemblance
	for _, trait := range traits(wanted.Name, wanted.TaxNumber, hosts) {
		for _, place := range k.places[trait] {
			if p := k.all[place]; !seen[place] {
				seen[place] = true
				alike = append(alike, canon.Resemblance{ERP: k.client.shown(p, ""), Name: p.Name.value, Why: resembles(p, wanted)})
			}
		}
	}
	return alike
}

// Has reports whether a customer has that number.
func (k *Catalogue) Has(number string) bool {
	return slices.ContainsFunc(k.all, func(p partner) bool { return k.client.shown(p, "").Number == number })
}

// Customer returns the active customer with that reference or id.
func (c *Client) Customer(ctx context.Context, number string) (canon.ERPDocument, error) {
	where := domain{is("parent_id", false), is(refField, number)}
	if id, err := parseID(number); err == nil {
		where = domain{is("parent_id", false), "|", is(refField, number), is("id", id)}
	}
	found, err := c.partners(ctx, where)
	if err != nil {
		return canon.ERPDocument{}, err
	}
	// A reference that happens to be another one's id names its own record.
	slices.SortStableFunc(found, func(a, b partner) int {
		if a.Ref.value == number && b.Ref.value != number {
			return -1
		}
		return 0
	})
	if len(found) == 0 {
		return canon.ERPDocument{}, fault.New(fault.NotFound, "odoo: customer", "Odoo has no active customer “"+number+"”.")
	}
	if len(found) > 1 && found[1].Ref.value == number {
		return canon.ERPDocument{}, fault.New(fault.NotFound, "odoo: customer", "Odoo has several customers with the reference “"+number+"”; write the id of one.")
	}
	return c.shown(found[0], ""), nil
}

// legalForms say nothing about who a company is.
var legalForms = map[string]bool{
	"gmbh": true, "ag": true, "kg": true, "ug": true, "se": true, "ltd": true, "limited": true, "llc": true, "llp": true, "inc": true, "corp": true,
	"corporation": true, "co": true, "company": true, "plc": true, "bv": true, "nv": true, "sa": true, "sas": true, "sarl": true, "srl": true,
	"spa": true, "ab": true, "as": true, "oy": true, "the": true, "and": true, "und": true, "et": true, "mbh": true, "ohg": true, "ev": true,
}

// plainLetters are how letters with marks are written without them.
var plainLetters = strings.NewReplacer(
	"ä", "ae", "ö", "oe", "ü", "ue", "ß", "ss", "æ", "ae", "œ", "oe", "ø", "oe", "å", "aa", "à", "a", "á", "a", "â", "a", "ã", "a", "è", "e", "é", "e",
	"ê", "e", "ë", "e", "ì", "i", "í", "i", "î", "i", "ï", "i", "ò", "o", "ó", "o", "ô", "o", "õ", "o", "ù", "u", "ú", "u", "û", "u", "ý", "y", "ÿ", "y",
	"ñ", "n", "ç", "c", "č", "c", "ć", "c", "š", "s", "ś", "s", "ž", "z", "ź", "z", "ż", "z", "ł", "l", "ń", "n", "ř", "r", "ě", "e", "ę", "e", "ą", "a",
	"ő", "oe", "ű", "ue", "đ", "d", "ð", "d", "þ", "th",
)

// normalised is a name without case, marks, punctuation and legal form.
func normalised(name string) string {
	plain := plainLetters.Replace(strings.ToLower(strings.ReplaceAll(name, ".", "")))
	words := strings.FieldsFunc(plain, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	kept := slices.DeleteFunc(slices.Clone(words), func(word string) bool { return legalForms[word] })
	if len(kept) == 0 {
		kept = words
	}
	return strings.Join(kept, " ")
}

// tellingPattern finds the longest word of a name, the least likely to be spelled
// differently; where letters may have marks, anything may stand.
func tellingPattern(name string) string {
	longest := ""
	for word := range strings.FieldsSeq(normalised(name)) {
		if len(word) > len(longest) {
			longest = word
		}
	}
	return "%" + markedLetters.Replace(longest) + "%"
}

// markedLetters are those that may be written with marks, alone or as two.
var markedLetters = strings.NewReplacer(
	"ae", "%", "oe", "%", "ue", "%", "ss", "%", "aa", "%", "a", "_", "e", "_", "i", "_", "o", "_", "u", "_", "y", "_", "n", "_", "c", "_", "s", "_",
)

func digitsOf(number string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsDigit(r) {
			return r
		}
		return -1
	}, number)
}

// tail is a pattern for the end of a number, whatever stands between its digits.
func tail(digits string) string {
	const enough = 3
	last := digits[max(0, len(digits)-enough):]
	return "%" + strings.Join(strings.Split(last, ""), "%") + "%"
}

// sharedDomains belong to everybody.
var sharedDomains = map[string]bool{
	"gmail.com": true, "googlemail.com": true, "outlook.com": true, "hotmail.com": true, "live.com": true, "yahoo.com": true, "icloud.com": true,
	"me.com": true, "aol.com": true, "gmx.de": true, "gmx.net": true, "web.de": true, "t-online.de": true, "proton.me": true, "protonmail.com": true,
}

// ownDomain is the domain of an address, if it says anything about its owner.
func ownDomain(email string) string {
	_, host, found := strings.Cut(strings.ToLower(strings.TrimSpace(email)), "@")
	if !found || sharedDomains[host] {
		return ""
	}
	return host
}
