// Receives what Posthaste delivers: verifies each request and prints one line for it.
//
// It verifies with Go's own library, in the function verify, so that it needs nothing else. With modules at hand, the library of Standard
// Webhooks does the same: github.com/standard-webhooks/standard-webhooks/libraries/go, NewWebhook(secret) and Verify(body, headers).
//
// Environment: WEBHOOK_SECRET, the endpoint's secret (whsec_...); PORT, where 0, the default, takes any free one.
package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Bytes; Posthaste takes no larger payload unless it is configured to.
const largestBody = 1 << 20

// How far the clocks may differ, as every library of Standard Webhooks has it.
const tolerance = 5 * time.Minute

// An id comes again only while its delivery is retried. A real receiver keeps the ids in its database, and writes each
// in the same transaction as what the task makes it do.
const rememberedIDs = 10_000

type seenIDs struct {
	mutex sync.Mutex
	known map[string]bool
	order []string
}

// add notes the id; false when it was here before.
func (seen *seenIDs) add(id string) bool {
	seen.mutex.Lock()
	defer seen.mutex.Unlock()
	if seen.known[id] {
		return false
	}
	seen.known[id] = true
	seen.order = append(seen.order, id)
	if len(seen.order) > rememberedIDs {
		delete(seen.known, seen.order[0])
		seen.order = seen.order[1:]
	}
	return true
}

// verify follows https://github.com/standard-webhooks/standard-webhooks: HMAC-SHA256 over id, time and body, one signature a secret.
func verify(key, body []byte, headers http.Header, now time.Time) error {
	id, at := headers.Get("webhook-id"), headers.Get("webhook-timestamp")
	seconds, err := strconv.ParseInt(at, 10, 64)
	if id == "" || err != nil {
		return errors.New("webhook-id or webhook-timestamp is missing")
	}
	if apart := now.Sub(time.Unix(seconds, 0)); apart > tolerance || apart < -tolerance {
		return fmt.Errorf("it is %v old", apart)
	}
	mac := hmac.New(sha256.New, key)
	fmt.Fprintf(mac, "%s.%s.", id, at)
	mac.Write(body)
	expected := mac.Sum(nil)
	for _, token := range strings.Fields(headers.Get("webhook-signature")) {
		version, encoded, _ := strings.Cut(token, ",")
		signature, err := base64.StdEncoding.DecodeString(encoded)
		if version == "v1" && err == nil && hmac.Equal(signature, expected) {
			return nil
		}
	}
	return errors.New("no signature is ours")
}

func main() {
	secret := os.Getenv("WEBHOOK_SECRET")
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
	if secret == "" || err != nil {
		log.Fatal("WEBHOOK_SECRET is not set: it is the endpoint's secret, whsec_...")
	}
	port := os.Getenv("PORT")
	if port == "" {
		port = "0"
	}
	listener, err := net.Listen("tcp", "127.0.0.1:"+port)
	if err != nil {
		log.Fatal(err)
	}
	seen := &seenIDs{known: map[string]bool{}}
	note := func(line map[string]any) {
		text, _ := json.Marshal(line)
		fmt.Println(string(text))
	}
	http.HandleFunc("/", func(answer http.ResponseWriter, request *http.Request) {
		if request.Method != http.MethodPost {
			answer.WriteHeader(http.StatusMethodNotAllowed)
			return
		}
		// The bytes as they came: a body that was parsed and written again has another signature.
		body, err := io.ReadAll(http.MaxBytesReader(answer, request.Body, largestBody))
		if err != nil {
			answer.WriteHeader(http.StatusRequestEntityTooLarge)
			return
		}
		id := request.Header.Get("webhook-id")
		// The signature covers id, time and body, but not this header: what must not be forged belongs into the body.
		line := map[string]any{"id": id, "type": request.Header.Get("posthaste-type"), "verified": false}
		if verify(key, body, request.Header, time.Now()) != nil {
			note(line)
			answer.WriteHeader(http.StatusUnauthorized)
			return
		}
		// At least once means that a task may come again: say yes to it, and do nothing.
		line["verified"], line["duplicate"] = true, !seen.add(id)
		note(line)
		answer.WriteHeader(http.StatusNoContent)
	})
	fmt.Printf("listening on http://%s\n", listener.Addr())
	server := &http.Server{ReadHeaderTimeout: 10 * time.Second, ReadTimeout: time.Minute}
	log.Fatal(server.Serve(listener))
}
