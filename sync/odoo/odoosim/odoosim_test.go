package odoosim

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// bench is a server and somebody who calls it by hand.
type bench struct {
	t   *testing.T
	sim *Server
	url string
}

func newBench(t *testing.T, version int) *bench {
	t.Helper()
	sim := New(Config{Version: version, Database: "db", Setup: true, Users: []User{{Login: "user", Key: "key"}, {Login: "admin", Key: "admin", Admin: true}}})
	web := httptest.NewServer(sim)
	t.Cleanup(web.Close)
	return &bench{t, sim, web.URL}
}

func (b *bench) send(path, authorization, body string) (int, string) {
	b.t.Helper()
	request, err := http.NewRequest(http.MethodPost, b.url+path, strings.NewReader(body))
	if err != nil {
		b.t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Authorization", authorization)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		b.t.Fatal(err)
	}
	defer response.Body.Close()
	var text bytes.Buffer
	_, _ = text.ReadFrom(response.Body)
	return response.StatusCode, text.String()
}

// call calls a method as the ordinary user: JSON-2 on 19, JSON-RPC on 17.
func (b *bench) call(target, args string) string {
	b.t.Helper()
	if b.sim.config.Version >= firstJSON2 {
		status, text := b.send("/json/2/"+target, "bearer key", args)
		return fmt.Sprint(status, " ", strings.TrimSpace(text))
	}
	model, method, _ := strings.Cut(target, "/")
	var named map[string]any
	if err := json.Unmarshal([]byte(args), &named); err != nil {
		b.t.Fatal(err)
	}
	positional := []any{}
	if ids, given := named["ids"]; given {
		positional = append(positional, ids)
		delete(named, "ids")
	}
	if list, given := named["vals_list"]; given {
		positional = append(positional, list)
		delete(named, "vals_list")
	}
	body, err := json.Marshal(map[string]any{"params": map[string]any{"service": "object", "method": "execute_kw", "args": []any{"db", 2, "key", model, method, positional, named}}})
	if err != nil {
		b.t.Fatal(err)
	}
	status, text := b.send("/jsonrpc", "", string(body))
	return fmt.Sprint(status, " ", strings.TrimSpace(text))
}

// want plays calls in turn; each answer must contain its part.
func (b *bench) want(steps ...[3]string) {
	b.t.Helper()
	for _, step := range steps {
		if got := b.call(step[0], step[1]); !strings.Contains(got, step[2]) {
			b.t.Errorf("%s %s\n got %s\nwant %s", step[0], step[1], got, step[2])
		}
	}
}

const invoiceOf = `{"vals_list":[{"move_type":"out_invoice","partner_id":1,"invoice_date":"2026-11-23","ref":"hs:bill:3",
	"invoice_line_ids":[[0,0,{"name":"L","quantity":3,"price_unit":33.33,"tax_ids":[[6,0,[1]]]}]]}]}`

func TestInvoiceIsDraftedPostedAndFound(t *testing.T) {
	t.Parallel()
	for _, version := range []int{17, 19} {
		b := newBench(t, version)
		b.want(
			[3]string{"res.partner/create", `{"vals_list":[{"name":"Acme","ref":"HS-101","is_company":true}]}`, "[1]"},
			[3]string{"account.move/create", invoiceOf, "[1]"},
			[3]string{"account.move/action_post", `{"ids":[1]}`, "false"},
			[3]string{"account.move/search_read", `{"domain":[["ref","=","hs:bill:3"],["move_type","=","out_invoice"]],"fields":["state","amount_total","partner_id"],"limit":10}`,
				`"amount_total":114.99,"id":1,"partner_id":[1,"Acme"],"state":"posted"`},
			[3]string{"account.move/action_post", `{"ids":[1]}`, "must be in draft"},
			[3]string{"account.move/unlink", `{"ids":[1]}`, "cannot delete a posted"},
		)
	}
}

func TestErrorsOfJSON2(t *testing.T) {
	t.Parallel()
	b := newBench(t, 19)
	if status, text := b.send("/json/2/res.users/context_get", "bearer wrong", "{}"); status != 401 || !strings.Contains(text, "Unauthorized") {
		t.Errorf("a bad key: %d %s", status, text)
	}
	b.want(
		[3]string{"res.ghost/search", `{}`, "404 "}, [3]string{"res.partner/vanish", `{}`, "404 "},
		[3]string{"res.partner/read", `{"ids":[99]}`, "404 "}, [3]string{"res.partner/read", `{"ids":[99]}`, "MissingError"},
		[3]string{"res.partner/search_read", `{"fields":["ghost"]}`, "500 "}, [3]string{"res.partner/search_read", `{"ghost":1}`, "422 "},
		[3]string{"res.partner/create", `{"vals_list":[{"name":"A","vat":"??"}]}`, "422 "},
		[3]string{"ir.model.fields/search", `{}`, "403 "}, [3]string{"res.partner/create", `{"vals_list":[{"name":7}]}`, "500 "},
		[3]string{"res.partner/create", `{"vals_list":[{}]}`, "mandatory field"},
		[3]string{"res.partner/search", `not json`, "400 "},
	)
	if got := b.call("res.partner/read", `{"ids":[99]}`); !strings.Contains(got, Debug) {
		t.Error("an error has no traceback in it")
	}
}

func TestJSONRPCAnswers200ForErrorsToo(t *testing.T) {
	t.Parallel()
	for version, code := range map[int]string{17: `"code":200`, 19: `"code":0`} {
		b := newBench(t, version)
		status, text := b.send("/jsonrpc", "", `{"id":1,"params":{"service":"object","method":"execute_kw","args":["db",2,"wrong","res.partner","read",[[1]],{}]}}`)
		if status != 200 || !strings.Contains(text, code) || !strings.Contains(text, "AccessDenied") {
			t.Errorf("%d: %d %s", version, status, text)
		}
		if _, text := b.send("/jsonrpc", "", `{"id":1,"params":{"service":"common","method":"authenticate","args":["db","user","wrong",{}]}}`); !strings.Contains(text, `"result":false`) {
			t.Errorf("%d: a bad login is answered with %s", version, text)
		}
	}
	if status, _ := newBench(t, 17).send("/json/2/res.users/context_get", "bearer key", "{}"); status != 404 {
		t.Errorf("17 speaks JSON-2: %d", status)
	}
}

const loadInvoice = `{"fields":["id","move_type","partner_id/.id","invoice_line_ids/id","invoice_line_ids/name","invoice_line_ids/price_unit","invoice_line_ids/tax_ids/.id"],
	"data":[["m.k","out_invoice","1","m.k_1","A","10",""],["","","","m.k_2","B","20",""]]}`

func TestLoadIsIdempotentWithExternalIDs(t *testing.T) {
	t.Parallel()
	for _, version := range []int{17, 19} {
		b := newBench(t, version)
		b.sim.Add("res.partner", row{"name": "A"})
		b.want([3]string{"account.move/load", loadInvoice, `"ids":[1]`}, [3]string{"account.move/load", loadInvoice, `"ids":[1]`},
			[3]string{"account.move/read", `{"ids":[1],"fields":["amount_total"]}`, `"amount_total":30`})
		// Without external ids a second load doubles the lines.
		bare := strings.NewReplacer(`"invoice_line_ids/id",`, "", `"m.k_1",`, "", `"m.k_2",`, "", "m.k", "m.bare").Replace(loadInvoice)
		b.want([3]string{"account.move/load", bare, `"ids":[2]`}, [3]string{"account.move/load", bare, `"ids":[2]`},
			[3]string{"account.move/read", `{"ids":[2],"fields":["amount_total"]}`, `"amount_total":60`})
		b.want([3]string{"account.move/action_post", `{"ids":[1]}`, ""})
		onPosted := map[int]string{17: `"ids":[1]`, 19: `"ids":false`}[version]
		b.want([3]string{"account.move/load", loadInvoice, onPosted})
		b.sim.Switch(Switches{Conflicts: 1})
		b.want([3]string{"account.move/load", loadInvoice, "could not serialize"})
	}
}

func TestPostingRefuses(t *testing.T) {
	t.Parallel()
	b := newBench(t, 19)
	b.sim.Add("res.partner", row{"name": "A"})
	for part, values := range map[string]string{
		"'Customer' is required": `{"move_type":"out_invoice","invoice_line_ids":[[0,0,{"name":"L","price_unit":1}]]}`,
		"add a line":             `{"move_type":"out_invoice","partner_id":1}`,
		"negative total":         `{"move_type":"out_invoice","partner_id":1,"invoice_line_ids":[[0,0,{"name":"L","price_unit":-1}]]}`,
	} {
		created := b.call("account.move/create", `{"vals_list":[`+values+`]}`)
		id := strings.Trim(strings.TrimPrefix(created, "200 "), "[]")
		b.want([3]string{"account.move/action_post", `{"ids":[` + id + `]}`, part})
	}
	b.want([3]string{"account.move/create", invoiceOf, "200"})
	b.sim.Switch(Switches{LockDate: "2026-11-30"})
	b.want([3]string{"account.move/action_post", `{"ids":[4]}`, "Lock Date"})
}

func TestLinesWithoutTaxesGetTheDefaultAndPricesAreRounded(t *testing.T) {
	t.Parallel()
	b := newBench(t, 19)
	b.want(
		[3]string{"account.move/create", `{"vals_list":[{"invoice_line_ids":[[0,0,{"name":"L","price_unit":10.006}]]}]}`, "[1]"},
		[3]string{"account.move/read", `{"ids":[1],"fields":["amount_untaxed","amount_tax"]}`, `"amount_tax":1.5,"amount_untaxed":10.01`},
	)
}

func TestDraftOf17ShowsANumber(t *testing.T) {
	t.Parallel()
	for version, want := range map[int]string{17: "INV/", 19: `"name":false`} {
		b := newBench(t, version)
		b.want([3]string{"account.move/create", `{"vals_list":[{}]}`, "[1]"}, [3]string{"account.move/read", `{"ids":[1],"fields":["name"]}`, want})
	}
}

func TestArchivedAndInactiveAreHidden(t *testing.T) {
	t.Parallel()
	b := newBench(t, 19)
	b.want(
		[3]string{"res.currency/search", `{"domain":[["name","=","CHF"]]}`, "[]"},
		[3]string{"res.currency/search", `{"domain":[["name","=","CHF"],["active","in",[true,false]]]}`, "[4]"},
		[3]string{"res.currency/search", `{"domain":["|",["name","=","EUR"],["name","=","USD"]],"limit":1,"offset":1,"order":"id"}`, "[2]"},
		[3]string{"res.currency/search_count", `{"domain":["!",["name","=","EUR"]]}`, "2"},
	)
}

func TestCustomFieldsAreForAdministrators(t *testing.T) {
	t.Parallel()
	b := newBench(t, 19)
	const fieldOf = `{"vals_list":[{"name":"x_more","model_id":1,"field_description":"More","ttype":"char","state":"manual"}]}`
	b.want([3]string{"ir.model.fields/create", fieldOf, "403"})
	if status, text := b.send("/json/2/ir.model.fields/create", "bearer admin", fieldOf); status != 200 {
		t.Errorf("%d %s", status, text)
	}
	if status, text := b.send("/json/2/ir.model.fields/create", "bearer admin", fieldOf); status != 422 || !strings.Contains(text, "unique") {
		t.Errorf("a second time: %d %s", status, text)
	}
	if status, _ := b.send("/json/2/ir.model.fields/create", "bearer admin", strings.Replace(fieldOf, "x_more", "more", 1)); status != 422 {
		t.Errorf("a name without x_: %d", status)
	}
}

func TestSwitches(t *testing.T) {
	t.Parallel()
	b := newBench(t, 19)
	b.sim.Switch(Switches{Unavailable: 1})
	b.want([3]string{"res.partner/search", `{}`, "503"}, [3]string{"res.partner/search", `{}`, "200"})
	b.sim.Switch(Switches{LoseReplies: 1})
	if _, err := http.Post(b.url, "", nil); err != nil {
		t.Fatal(err)
	}
	request, err := http.NewRequest(http.MethodPost, b.url+"/json/2/res.partner/create", strings.NewReader(`{"vals_list":[{"name":"A"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Authorization", "bearer key")
	if response, err := http.DefaultClient.Do(request); err == nil {
		t.Errorf("a lost reply arrived: %d", response.StatusCode)
	}
	if n := len(b.sim.Records("res.partner")); n != 1 {
		t.Errorf("the lost write made %d partners", n)
	}
}
