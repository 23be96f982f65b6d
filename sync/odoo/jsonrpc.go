package odoo

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"

	"meshline/sync/fault"
	"meshline/sync/wire"
)

// jsonRPC is Odoo's interface up to version 18: positional arguments, and 200
// also for an error.
type jsonRPC struct {
	wire                 *wire.Client
	database, login, key string
	uid                  int64
}

type rpcAnswer struct {
	Result json.RawMessage `json:"result"`
	Error  *struct {
		Message string      `json:"message"`
		Data    serverError `json:"data"`
	} `json:"error"`
}

func (j *jsonRPC) logIn(ctx context.Context) error {
	const op = "log in"
	if j.database == "" || j.login == "" {
		return fault.New(fault.Denied, "Odoo: "+op, "This Odoo is older than version 19: set ODOO_DB and ODOO_LOGIN.")
	}
	result, err := j.request(ctx, op, "common", "authenticate", []any{j.database, j.login, j.key, map[string]any{}}, true)
	if err != nil {
		return err
	}
	if bytes.Equal(result, []byte("false")) {
		return fault.New(fault.Denied, "Odoo: "+op, "Odoo refuses the login or the key: check ODOO_DB, ODOO_LOGIN and ODOO_API_KEY.")
	}
	return decode(op, result, &j.uid, true)
}

func (j *jsonRPC) do(ctx context.Context, c call, out any) error {
	positional := []any{}
	if c.IDs != nil {
		positional = append(positional, c.IDs)
	}
	named := map[string]any{}
	maps.Copy(named, c.Args)
	if c.Positional != "" {
		positional = append(positional, named[c.Positional])
		delete(named, c.Positional)
	}
	args := []any{j.database, j.uid, j.key, c.Model, c.Method, positional, named}
	result, err := j.request(ctx, c.Op, "object", "execute_kw", args, c.Safe)
	if err != nil || out == nil {
		return err
	}
	return decode(c.Op, result, out, c.Safe)
}

func (j *jsonRPC) request(ctx context.Context, op, service, method string, args []any, safe bool) (json.RawMessage, error) {
	var answer rpcAnswer
	err := j.wire.Do(ctx, wire.Request{
		Op: op, Method: http.MethodPost, Path: "/jsonrpc", Out: &answer, Safe: safe,
		In: map[string]any{
			"jsonrpc": "2.0", "id": 1, "method": "call",
			"params": map[string]any{"service": service, "method": method, "args": args},
		},
	})
	switch {
	case err != nil:
		return nil, err
	case answer.Error != nil:
		said := answer.Error.Data
		if said.Name == "" {
			said.Name, said.Message = "unknown", answer.Error.Message
		}
		return nil, said.fault("Odoo: "+op, errors.New(said.Name))
	default:
		return answer.Result, nil
	}
}

// decode reads a result; after a write that is not understood nobody knows what
// happened.
func decode(op string, result json.RawMessage, out any, safe bool) error {
	if err := json.Unmarshal(result, out); err != nil {
		class := fault.Unknown
		if safe {
			class = fault.Transient
		}
		return fault.Wrap(class, "Odoo: "+op, "Odoo gave an answer that is not understood.", fmt.Errorf("decode: %w", err))
	}
	return nil
}
