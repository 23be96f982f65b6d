package pipeline

import (
	"context"
	"time"

	"meshline/sync/canon"
	"meshline/sync/datacontract"
	"meshline/sync/exception"
	"meshline/sync/fault"
)

// Fixer writes what a person typed to the CRM, the source of truth.
type Fixer struct {
	Source  Source
	Records Records
	Desk    *exception.Desk
	// Again raises the held deals of a company.
	Again func(ctx context.Context, company canon.Ref) error
	Clock func() time.Time
}

// Write sends one fix; the exception then either runs again or returns to its
// form with the CRM's reason. An error means that it must be called again.
func (f *Fixer) Write(ctx context.Context, id int64, version int) error {
	e, err := f.Desk.Store.Get(ctx, id)
	if err != nil {
		return err
	}
	if e.State != exception.Fixing || e.Version != version {
		return nil
	}
	for ref, fields := range byRecord(e) {
		if err := f.record(ctx, ref, fields); err != nil {
			return f.refused(ctx, e, ref, err)
		}
	}
	return f.Desk.FixWritten(ctx, id, version)
}

// byRecord sorts the typed values by the record that they belong to.
func byRecord(e exception.Exception) map[canon.Ref]map[string]string {
	records := map[canon.Ref]map[string]string{}
	for _, p := range e.Fixable() {
		typed, ok := e.Typed[p.Key()]
		entity, known := datacontract.ByType(p.Ref.Type)
		if !ok || !known {
			continue
		}
		if field, found := entity.Field(p.Property); found {
			if records[p.Ref] == nil {
				records[p.Ref] = map[string]string{}
			}
			records[p.Ref][p.Property] = field.Encode(typed)
		}
	}
	return records
}

func (f *Fixer) record(ctx context.Context, ref canon.Ref, fields map[string]string) error {
	if err := f.Records.Wrote(ctx, ref, fields, f.Clock()); err != nil {
		return err
	}
	if err := f.Source.Write(ctx, ref, fields); err != nil {
		return err
	}
	if ref.Type != canon.TypeCompany {
		return nil
	}
	return f.Again(ctx, ref)
}

// refused gives the form back with the CRM's words, unless time may help.
func (f *Fixer) refused(ctx context.Context, e exception.Exception, ref canon.Ref, err error) error {
	switch fault.ClassOf(err) {
	case fault.Invalid, fault.NotFound, fault.Denied:
	default:
		return err
	}
	refused := map[string]string{}
	fields := fault.Fields(err)
	for _, p := range e.Fixable() {
		if message, ok := fields[p.Property]; ok && p.Ref == ref {
			refused[p.Key()] = message
		}
	}
	if len(refused) == 0 {
		refused[""] = fault.Message(err)
	}
	return f.Desk.FixRefused(ctx, e.ID, e.Version, refused)
}
