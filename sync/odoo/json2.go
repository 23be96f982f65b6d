package odoo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"

	"meshline/sync/fault"
	"meshline/sync/wire"
)

// errNotSpoken says that the server has no JSON-2 interface.
var errNotSpoken = errors.New("the server has no JSON-2 interface")

// json2 is Odoo's interface since version 19: named arguments, an HTTP status.
type json2 struct{ wire *wire.Client }

func (j *json2) do(ctx context.Context, c call, out any) error {
	body := map[string]any{}
	maps.Copy(body, c.Args)
	if c.IDs != nil {
		body["ids"] = c.IDs
	}
	return j.wire.Do(ctx, wire.Request{
		Op: c.Op, Method: http.MethodPost, Path: "/json/2/" + c.Model + "/" + c.Method, In: body, Out: out, Safe: c.Safe,
	})
}

// json2Refusal explains a failure. Without Odoo's own error in the body it came
// from something before Odoo, or from a version that knows no JSON-2.
func json2Refusal(op string, status int, body []byte) *fault.Error {
	var said serverError
	if json.Unmarshal(body, &said) != nil || said.Name == "" {
		return notSpoken(op, status)
	}
	return said.fault(op, fmt.Errorf("status %d %s", status, said.Name))
}

func notSpoken(op string, status int) *fault.Error {
	switch status {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect,
		http.StatusBadRequest, http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusUnsupportedMediaType:
		return &fault.Error{Class: fault.Denied, Op: op, Message: "There is no Odoo interface at this address.", Err: errNotSpoken}
	default:
		return nil
	}
}
