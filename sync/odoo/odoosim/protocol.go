package odoosim

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// odooError is an exception of the server.
type odooError struct {
	name, message string
	status        int // of JSON-2
}

func (e *odooError) Error() string { return e.message }

func userError(format string, args ...any) error {
	return &odooError{"odoo.exceptions.UserError", fmt.Sprintf(format, args...), http.StatusUnprocessableEntity}
}

func validationError(format string, args ...any) error {
	return &odooError{"odoo.exceptions.ValidationError", fmt.Sprintf(format, args...), http.StatusUnprocessableEntity}
}

func accessError(format string, args ...any) error {
	return &odooError{"odoo.exceptions.AccessError", fmt.Sprintf(format, args...), http.StatusForbidden}
}

func missingError(model string, id int64) error {
	return &odooError{"odoo.exceptions.MissingError", fmt.Sprintf("Record does not exist or has been deleted.\n(Record: %s(%d,), User: 2)", model, id), http.StatusNotFound}
}

func valueError(format string, args ...any) error {
	return &odooError{"builtins.ValueError", fmt.Sprintf(format, args...), http.StatusInternalServerError}
}

func notFound(format string, args ...any) error {
	return &odooError{"werkzeug.exceptions.NotFound", fmt.Sprintf(format, args...), http.StatusNotFound}
}

func unprocessable(format string, args ...any) error {
	return &odooError{"werkzeug.exceptions.UnprocessableEntity", fmt.Sprintf(format, args...), http.StatusUnprocessableEntity}
}

// described is an exception as both protocols send it.
func described(e *odooError) map[string]any {
	return map[string]any{"name": e.name, "message": e.message, "arguments": []any{e.message}, "context": map[string]any{}, "debug": Debug}
}

func asOdoo(err error) *odooError {
	var e *odooError
	if errors.As(err, &e) {
		return e
	}
	return &odooError{"builtins.Exception", err.Error(), http.StatusInternalServerError}
}

// maxBody bounds a request, in bytes.
const maxBody = 16 << 20

func readObject(w http.ResponseWriter, r *http.Request, into any) error {
	decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody))
	decoder.UseNumber()
	if err := decoder.Decode(into); err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("could not parse the body as json: %w", err)
	}
	return nil
}

func (s *Server) json2(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Content-Type") != "application/json" {
		http.Error(w, "<h1>Unsupported Media Type</h1>", http.StatusUnsupportedMediaType)
		return
	}
	if db := r.Header.Get("X-Odoo-Database"); db != "" && db != s.config.Database {
		http.Error(w, "<h1>Not Found</h1>", http.StatusNotFound)
		return
	}
	scheme, key, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	user, _, known := s.user(key)
	if !strings.EqualFold(scheme, "bearer") || !known {
		answerJSON2(w, nil, &odooError{"werkzeug.exceptions.Unauthorized", "Invalid apikey", http.StatusUnauthorized})
		return
	}
	args := map[string]any{}
	if err := readObject(w, r, &args); err != nil {
		answerJSON2(w, nil, &odooError{"werkzeug.exceptions.BadRequest", err.Error(), http.StatusBadRequest})
		return
	}
	q := request{user: user, model: r.PathValue("model"), method: r.PathValue("method"), args: args}
	var err error
	if q.ids, err = takeIDs(args["ids"]); err != nil {
		answerJSON2(w, nil, err)
		return
	}
	delete(args, "ids")
	delete(args, "context")
	result, lost, err := s.run(r.Context(), q)
	if lost {
		panic(http.ErrAbortHandler)
	}
	answerJSON2(w, result, err)
}

func answerJSON2(w http.ResponseWriter, result any, err error) {
	status := http.StatusOK
	if err != nil {
		e := asOdoo(err)
		status, result = e.status, described(e)
	}
	answer(w, status, result)
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

func takeIDs(value any) ([]int64, error) {
	list, isList := value.([]any)
	if value != nil && !isList {
		return nil, unprocessable("ids must be a list")
	}
	var ids []int64
	for _, item := range list {
		id, ok := integer(item)
		if !ok {
			return nil, unprocessable("ids must be integers")
		}
		ids = append(ids, id)
	}
	return ids, nil
}

// rpcRequest is a JSON-RPC call.
type rpcRequest struct {
	ID     any `json:"id"`
	Params struct {
		Service string `json:"service"`
		Method  string `json:"method"`
		Args    []any  `json:"args"`
	} `json:"params"`
}

func (s *Server) rpc(w http.ResponseWriter, r *http.Request) {
	var q rpcRequest
	if err := readObject(w, r, &q); err != nil || r.Header.Get("Content-Type") != "application/json" {
		http.Error(w, "<h1>Bad Request</h1>", http.StatusBadRequest)
		return
	}
	result, lost, err := s.service(r, q)
	if lost {
		panic(http.ErrAbortHandler)
	}
	body := map[string]any{"jsonrpc": "2.0", "id": q.ID}
	if err != nil {
		body["error"] = map[string]any{"code": s.errorCode(), "message": "Odoo Server Error", "data": described(asOdoo(err))}
	} else {
		body["result"] = result
	}
	answer(w, http.StatusOK, body)
}

// errorCode changed between the versions.
func (s *Server) errorCode() int {
	if s.config.Version >= firstJSON2 {
		return 0
	}
	const before = 200
	return before
}

func (s *Server) service(r *http.Request, q rpcRequest) (any, bool, error) {
	args := q.Params.Args
	switch q.Params.Service + "." + q.Params.Method {
	case "common.version":
		return map[string]any{"server_version_info": []any{s.config.Version, 0, 0, "final", 0, ""}, "server_serie": fmt.Sprintf("%d.0", s.config.Version)}, false, nil
	case "common.authenticate":
		return s.authenticate(args)
	case "object.execute_kw":
		return s.executeKW(r, args)
	default:
		return nil, false, &odooError{"builtins.KeyError", q.Params.Service, http.StatusInternalServerError}
	}
}

func (s *Server) authenticate(args []any) (any, bool, error) {
	const arguments = 4
	if len(args) != arguments {
		return nil, false, &odooError{"builtins.TypeError", "missing arguments", http.StatusInternalServerError}
	}
	if args[0] != s.config.Database {
		return nil, false, &odooError{"psycopg2.OperationalError", fmt.Sprintf("FATAL: database %q does not exist", args[0]), http.StatusInternalServerError}
	}
	if user, uid, known := s.user(asText(args[2])); known && user.Login == args[1] {
		return uid, false, nil
	}
	return false, false, nil
}

func (s *Server) executeKW(r *http.Request, args []any) (any, bool, error) {
	const least = 6
	if len(args) < least {
		return nil, false, &odooError{"builtins.TypeError", "missing arguments", http.StatusInternalServerError}
	}
	user, uid, known := s.user(asText(args[2]))
	if given, _ := integer(args[1]); !known || args[0] != s.config.Database || given != int64(uid) {
		return nil, false, &odooError{"odoo.exceptions.AccessDenied", "Access Denied", http.StatusForbidden}
	}
	q := request{user: user, model: asText(args[3]), method: asText(args[4]), args: map[string]any{}}
	positional, _ := args[5].([]any)
	if len(args) > least {
		if named, ok := args[least].(map[string]any); ok {
			q.args = named
		}
	}
	if err := q.place(positional); err != nil {
		return nil, false, err
	}
	return s.run(r.Context(), q)
}

// place gives positional arguments their names.
func (q *request) place(positional []any) error {
	names := parameters[q.method]
	if recordMethods[q.method] {
		if len(positional) == 0 {
			return &odooError{"builtins.IndexError", "list index out of range", http.StatusInternalServerError}
		}
		var err error
		if q.ids, err = takeIDs(positional[0]); err != nil {
			return err
		}
		positional = positional[1:]
	}
	if q.method == "create" && len(positional) == 0 {
		return &odooError{"builtins.IndexError", "list index out of range", http.StatusInternalServerError}
	}
	if len(positional) > len(names) {
		return &odooError{"builtins.TypeError", "too many positional arguments", http.StatusInternalServerError}
	}
	for i, value := range positional {
		q.args[names[i]] = value
	}
	return nil
}

func asText(value any) string {
	text, _ := value.(string)
	return text
}
