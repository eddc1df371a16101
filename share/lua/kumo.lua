---@meta
-- What editors know of Postern's Lua policies. Made from the tables that register the functions:
-- dialect_kumo_test writes it. See docs/lua-hooks.md.

---Seconds, or a text such as `10s`, `5 minutes`, `1h 30m`.
---@alias Duration number|string

---A file's name, or another source of a secret: see `kumo.secrets.load`.
---@alias KeySource string|{key_data: string}|{vault_mount: string, vault_path: string, vault_key?: string, vault_address?: string, vault_token?: string}

---The kind of an identity.
---@alias AuthContext 'SmtpAuthPlainAuthorization'|'SmtpAuthPlainAuthentication'|'HttpBasicAuth'|'BearerToken'|'ProxyAuthRfc1929'|'LocalSystem'|'GenericAuth'

---One of a client's names.
---@class AuthIdentity
---@field identity string The name.
---@field context AuthContext What the name identifies: the owner of the password, or the user for whom the client acts.

---Who a client is, and for whom it may act.
---@class AuthInfo
---@field identities AuthIdentity[] Without an authentication identity the first identity is it; without an authorization identity it is the authentication identity.
---@field groups? string[] Groups of the client.
---@field peer_address? string Accepted, without effect.

---The result of one method (RFC 8601).
---@class AuthenticationResult
---@field method string `spf`, `dkim`, `dmarc`, `arc`, `iprev`, `auth`.
---@field method_version integer 1.
---@field result string `pass`, `fail`, `none`, `temperror` and so on (RFC 8601).
---@field reason? string Why it did not pass.
---@field props table<string, string> What was looked at: `smtp.mailfrom`, `header.d`.

---The result of SPF.
---@class SpfAnswer
---@field disposition string The result's word.
---@field result AuthenticationResult The result.

---Options of `check`.
---@class MailAuthOptions
---@field dkim? boolean `false` leaves this check out; the same for the others.
---@field spf? boolean SPF of the envelope.
---@field iprev? boolean Whether a name of the client's address resolves to that address.
---@field smtp_auth? boolean Whether the client authenticated.
---@field dmarc? boolean DMARC.
---@field arc? boolean The ARC chain.
---@field add_auth_results_header? boolean `false` leaves the message as it is.
---@field server_id? string The authserv-id of the field; else the listener's name.
---@field resolver? string Accepted, without effect.

---Results of `check`.
---@class MailAuthResults
---@field dkim? AuthenticationResult[] One for each signature; without a signature one that says `none`.
---@field spf? AuthenticationResult SPF of the envelope.
---@field iprev? AuthenticationResult Whether a name of the address resolves to it.
---@field smtp_auth? AuthenticationResult Whether the client authenticated.
---@field dmarc? AuthenticationResult DMARC.
---@field arc? AuthenticationResult The ARC chain.
---@field auth_results AuthenticationResult[] All results, as in the header field.

---What happens to reports.
---@alias ReportHandling boolean|'Ignore'|'LogThenDrop'|'LogThenRelay'

---Who may send to or from a domain.
---@class ListenerDomain
---@field relay_to? boolean Whether mail for the domain is accepted from any client.
---@field relay_from? string[] Networks whose clients may send from the domain to anywhere: `192.0.2.0/24`.
---@field relay_from_authz? string The authorization identity because of which `relay_from` has the client's address, for the trace; `policy-extras.listener_domains` sets it. It permits nothing.
---@field log_oob? ReportHandling Whether asynchronous bounces are accepted, and then relayed: multipart/report of the type delivery-status (RFC 3464).
---@field log_arf? ReportHandling The same for complaints: feedback-report (RFC 5965).

---Options of a listener that a policy starts.
---@class ListenerOptions
---@field listen string `192.0.2.1:25`, `[2001:db8::1]:25`.
---@field hostname? string The listener's host name; else `server.hostname`.
---@field banner? string The text of the greeting after the name.
---@field relay_hosts? string[] Networks whose clients may relay to any domain; else only those of this machine.
---@field tls_certificate? KeySource A PEM file, or where its text is; without it the server makes a certificate.
---@field tls_private_key? KeySource The certificate's key.
---@field client_timeout? Duration How long the client may be silent; else a minute.
---@field max_message_size? integer In octets; else 20 MiB.
---@field max_recipients_per_message? integer Else 1024.
---@field max_messages_per_connection? integer Else 10000.
---@field line_length_hard_limit? integer In octets; else 998.
---@field invalid_line_endings? 'Deny'|'Allow'|'Fix' Lines that do not end in CRLF; else 'Deny'.
---@field max_connections? integer At a time; else 32768. Further clients get 421.
---@field meta? table Initial values of every connection.
---@field peer? table<string, ListenerOptions> Options by network, for its clients. The most specific network applies; `listen` and `max_connections` cannot be set here.
---@field via? table<string, ListenerOptions> The same by the network of the server's address; applied after `peer`.

---Parameters of a signer.
---@class DkimParameters
---@field domain string Who signs (d=).
---@field selector string The selector of the key's record (s=).
---@field headers string[] The fields that are signed; From must be among them.
---@field key KeySource RSA of 1024 to 4096 bits or Ed25519, PEM, without a passphrase.
---@field over_sign? boolean Signs each field once more than it occurs, so that none can be added.
---@field expiration? integer Seconds for which the signature is good (x=).
---@field agent_user_identifier? string The identity on whose behalf the message is signed (i=).
---@field header_canonicalization? 'Relaxed'|'Simple' Else 'Relaxed'.
---@field body_canonicalization? 'Relaxed'|'Simple' Else 'Relaxed'.
---@field ttl? number Accepted, without effect: see kumo.memoize.

---The result of the shaping helper; it has no effect here.
---@class Shaper
---@field get_egress_path_config function No effect here.
---@field get_queue_config function No effect here.
---@field should_enqueue_log_record function No effect here.
---@field setup_publish function No effect here.

---The result of the warm-up helper; it has no effect here.
---@class Warmer
---@field wrap fun(handler: function): function The handler as it is.
---@field apply_to_params function No effect here.

---@class kumo
kumo = {}

---@class kumo.crypto
kumo.crypto = {}

---Whether the hash is that of the password: bcrypt (`$2y$`, `$2b$`, `$2a$`), SHA-crypt (`$6$`,
---`$5$`), yescrypt (`$y$`), scrypt (`$7$`), Argon2 (`$argon2id$`, `$argon2i$`) or a SCRAM verifier.
---Anything else is false, and so are nil and a hash whose check would take too long. Runs outside
---the event loop.
---@param plain string
---@param hash string|nil
---@return boolean
function kumo.crypto.verify_password(plain, hash) end

---Whether both are equal. The time it takes reveals only whether the lengths are equal.
---@param a string
---@param b string
---@return boolean
function kumo.crypto.constant_time_eq(a, b) end

---@class kumo.digest
kumo.digest = {}

---SHA-1 of all arguments, concatenated; values other than strings as JSON. SHA-1 is not secure: use
---it only for compatibility.
---@param ... any
---@return Digest
function kumo.digest.sha1(...) end

---SHA-224, see kumo.digest.sha256.
---@param ... any
---@return Digest
function kumo.digest.sha224(...) end

---SHA-256 of all arguments, concatenated; values other than strings as JSON. For passwords use
---kumo.crypto.verify_password.
---@param ... any
---@return Digest
function kumo.digest.sha256(...) end

---SHA-384, see kumo.digest.sha256.
---@param ... any
---@return Digest
function kumo.digest.sha384(...) end

---SHA-512, see kumo.digest.sha256.
---@param ... any
---@return Digest
function kumo.digest.sha512(...) end

---SHA-512/256, see kumo.digest.sha256.
---@param ... any
---@return Digest
function kumo.digest.sha512_256(...) end

---SHA3-256, see kumo.digest.sha256.
---@param ... any
---@return Digest
function kumo.digest.sha3_256(...) end

---SHA3-384, see kumo.digest.sha256.
---@param ... any
---@return Digest
function kumo.digest.sha3_384(...) end

---SHA3-512, see kumo.digest.sha256.
---@param ... any
---@return Digest
function kumo.digest.sha3_512(...) end

---CRC-32 as in ZIP files, four octets: it detects accidental changes, not forgeries.
---@param ... any
---@return Digest
function kumo.digest.crc32(...) end

---HMAC with SHA-1, see kumo.digest.hmac_sha256.
---@param source string|table
---@param ... any
---@return Digest
function kumo.digest.hmac_sha1(source, ...) end

---HMAC with SHA-224, see kumo.digest.hmac_sha256.
---@param source string|table
---@param ... any
---@return Digest
function kumo.digest.hmac_sha224(source, ...) end

---HMAC (RFC 2104) with SHA-256 of all arguments but the first, which names the key as for
---kumo.secrets.load.
---@param source string|table
---@param ... any
---@return Digest
function kumo.digest.hmac_sha256(source, ...) end

---HMAC with SHA-384, see kumo.digest.hmac_sha256.
---@param source string|table
---@param ... any
---@return Digest
function kumo.digest.hmac_sha384(source, ...) end

---HMAC with SHA-512, see kumo.digest.hmac_sha256.
---@param source string|table
---@param ... any
---@return Digest
function kumo.digest.hmac_sha512(source, ...) end

---@class Digest
---@field bytes string The octets themselves.
---@field hex string Lower-case hexadecimal.
---@field base32 string As by kumo.encode.base32_encode.
---@field base32_nopad string Without padding.
---@field base32hex string As by kumo.encode.base32hex_encode.
---@field base32hex_nopad string Without padding.
---@field base64 string As by kumo.encode.base64_encode.
---@field base64_nopad string Without padding.
---@field base64url string As by kumo.encode.base64url_encode.
---@field base64url_nopad string Without padding.
local Digest = {}

---@class kumo.dns
kumo.dns = {}

---The hosts that receive mail for a domain, in the order of preference and by preference; without
---MX records the domain itself. As with all lookups here, a name that does not exist and a failed
---lookup are errors; the last argument has no effect, as there is one resolver.
---@param domain string
---@param resolver? string
---@return {domain_name: string, hosts: string[], by_pref: table<integer, string[]>, is_mx: boolean, is_domain_literal: boolean}
function kumo.dns.lookup_mx(domain, resolver) end

---The TXT records; the strings of a record are joined.
---@param name string
---@param resolver? string
---@return string[]
function kumo.dns.lookup_txt(name, resolver) end

---The IPv4 addresses, then the IPv6 addresses.
---@param name string
---@param resolver? string
---@return string[]
function kumo.dns.lookup_addr(name, resolver) end

---The names of an address, each with its last dot.
---@param ip string
---@param resolver? string
---@return string[]
function kumo.dns.lookup_ptr(ip, resolver) end

---What a DNS block list says of an address, which may have a port: an address such as 127.0.0.2 and
---the reason, or nil and nil when it is not listed.
---@param ip string
---@param base string
---@param resolver? string
---@return string|nil, string|nil
function kumo.dns.rbl_lookup(ip, base, resolver) end

---The name that holds the PTR records of an address: `7.2.0.192.in-addr.arpa`. Sends no query.
---@param ip string
---@return string
function kumo.dns.ptr_host(ip) end

---The same without its last two labels: `7.2.0.192`. Sends no query.
---@param ip string
---@return string
function kumo.dns.reverse_ip(ip) end

---No effect here: every lookup asks the name servers in [dns].
---@param ... any
---@deprecated
function kumo.dns.configure_resolver(...) end

---No effect here: every lookup asks the name servers in [dns].
---@param ... any
---@deprecated
function kumo.dns.configure_unbound_resolver(...) end

---No effect here: every lookup asks the name servers in [dns].
---@param ... any
---@deprecated
function kumo.dns.define_resolver(...) end

---No effect here: every lookup asks the name servers in [dns].
---@param ... any
---@deprecated
function kumo.dns.set_mx_concurrency_limit(...) end

---No effect here: every lookup asks the name servers in [dns].
---@param ... any
---@deprecated
function kumo.dns.set_mx_negative_cache_ttl(...) end

---No effect here: [dns] timeout bounds one question.
---@param ... any
---@deprecated
function kumo.dns.set_mx_timeout(...) end

---@class kumo.encode
kumo.encode = {}

---Base32 with padding.
---@param octets string
---@return string
function kumo.encode.base32_encode(octets) end

---The octets of base32. As with all decoders here white space, other letters and wrong padding are
---errors, which say where.
---@param text string
---@return string
function kumo.encode.base32_decode(text) end

---Base32 without padding.
---@param octets string
---@return string
function kumo.encode.base32_nopad_encode(octets) end

---The octets of base32 without padding.
---@param text string
---@return string
function kumo.encode.base32_nopad_decode(text) end

---Base32 with the alphabet 0-9 A-V, which keeps the order of what it encodes.
---@param octets string
---@return string
function kumo.encode.base32hex_encode(octets) end

---The octets of base32 with the alphabet 0-9 A-V.
---@param text string
---@return string
function kumo.encode.base32hex_decode(text) end

---The same without padding.
---@param octets string
---@return string
function kumo.encode.base32hex_nopad_encode(octets) end

---The same without padding.
---@param text string
---@return string
function kumo.encode.base32hex_nopad_decode(text) end

---Base64 with padding.
---@param octets string
---@return string
function kumo.encode.base64_encode(octets) end

---The octets of base64.
---@param text string
---@return string
function kumo.encode.base64_decode(text) end

---Base64 without padding.
---@param octets string
---@return string
function kumo.encode.base64_nopad_encode(octets) end

---The octets of base64 without padding.
---@param text string
---@return string
function kumo.encode.base64_nopad_decode(text) end

---Base64 with `-` and `_` instead of `+` and `/`, fit for URLs and file names.
---@param octets string
---@return string
function kumo.encode.base64url_encode(octets) end

---The octets of base64 with `-` and `_`.
---@param text string
---@return string
function kumo.encode.base64url_decode(text) end

---The same without padding, as in JSON Web Tokens.
---@param octets string
---@return string
function kumo.encode.base64url_nopad_encode(octets) end

---The same without padding.
---@param text string
---@return string
function kumo.encode.base64url_nopad_decode(text) end

---Two lower-case digits an octet.
---@param octets string
---@return string
function kumo.encode.hex_encode(octets) end

---The octets of hexadecimal digits in either case.
---@param text string
---@return string
function kumo.encode.hex_decode(text) end

---@class kumo.http
kumo.http = {}

---A client of HTTP servers. A request may take `timeout` (60 seconds), and no longer than the hook.
---All clients share their connections. Other options have no effect. Certificates are always
---verified, against the system's roots or those of `lua.ca`, and redirects are not followed: they
---are the response.
---@param options { user_agent?: string, timeout?: Duration, pool_idle_timeout?: Duration, connection_verbose?: boolean, accept_invalid_certs?: false }
---@return HttpClient
function kumo.http.build_client(options) end

---The URL with the parameters added after its own, encoded, in the order of their names. Use this,
---not `..`, for values that come from a client.
---@param base string
---@param parameters table<string, string|number>
---@return string
function kumo.http.build_url(base, parameters) end

---@class HttpClient
local HttpClient = {}

---A GET request that is not sent yet.
---@param url string
---@return HttpRequest
function HttpClient:get(url) end

---The same with POST.
---@param url string
---@return HttpRequest
function HttpClient:post(url) end

---The same with PUT.
---@param url string
---@return HttpRequest
function HttpClient:put(url) end

---Does nothing: there is nothing to close.
function HttpClient:close() end

---@class HttpRequest
local HttpRequest = {}

---Sets a header field and replaces one of that name.
---@param name string
---@param value string
---@return HttpRequest
function HttpRequest:header(name, value) end

---Sets several header fields.
---@param fields table<string, string|number>
---@return HttpRequest
function HttpRequest:headers(fields) end

---Basic authentication. Neither log nor trace shows the password.
---@param user string
---@param password? string
---@return HttpRequest
function HttpRequest:basic_auth(user, password) end

---Authentication by a token, which neither log nor trace shows.
---@param token string
---@return HttpRequest
function HttpRequest:bearer_auth(token) end

---Sets the body; not with GET.
---@param octets string
---@return HttpRequest
function HttpRequest:body(octets) end

---Sends a form.
---@param parameters table<string, string|number>
---@return HttpRequest
function HttpRequest:form_url_encoded(parameters) end

---Sends a form as multipart/form-data; values that are not UTF-8 are sent as
---application/octet-stream.
---@param parameters table<string, string|number>
---@return HttpRequest
function HttpRequest:form_multipart_data(parameters) end

---Sends the request; other sessions are served meanwhile. A timeout, a certificate that does not
---verify and a body of more than 1 MiB are errors; no status is an error.
---@return HttpResponse
function HttpRequest:send() end

---@class HttpResponse
local HttpResponse = {}

---The status.
---@return integer
function HttpResponse:status_code() end

---The name of the status.
---@return string|nil
function HttpResponse:status_reason() end

---Whether it is 100 to 199.
---@return boolean
function HttpResponse:status_is_informational() end

---Whether it is 200 to 299.
---@return boolean
function HttpResponse:status_is_success() end

---Whether it is 300 to 399.
---@return boolean
function HttpResponse:status_is_redirection() end

---Whether it is 400 to 499.
---@return boolean
function HttpResponse:status_is_client_error() end

---Whether it is 500 to 599.
---@return boolean
function HttpResponse:status_is_server_error() end

---The first header field of each name. Names are in lower case in `pairs`; a lookup ignores case.
---@return table<string, string>
function HttpResponse:headers() end

---The value of Content-Length.
---@return integer|nil
function HttpResponse:content_length() end

---The body.
---@return string
function HttpResponse:bytes() end

---The body as UTF-8, without a byte order mark; other octets become U+FFFD. A body of another
---charset is an error.
---@return string
function HttpResponse:text() end

---Logs at level debug, see kumo.log_info.
---@param ... any
function kumo.log_debug(...) end

---Logs the values, separated by blanks, tables as JSON. Passwords and secrets of this call are left
---out. `print` does the same.
---@param ... any
function kumo.log_info(...) end

---Logs at level warning, see kumo.log_info.
---@param ... any
function kumo.log_warn(...) end

---Logs at level error, see kumo.log_info.
---@param ... any
function kumo.log_error(...) end

---See kumo.serde.json_parse.
---@param text string
---@return any
function kumo.json_parse(text) end

---See kumo.serde.json_load.
---@param path string
---@return any
function kumo.json_load(path) end

---See kumo.serde.json_encode.
---@param value any
---@return string
function kumo.json_encode(value) end

---See kumo.serde.json_encode_pretty.
---@param value any
---@return string
function kumo.json_encode_pretty(value) end

---See kumo.serde.toml_parse.
---@param text string
---@return table
function kumo.toml_parse(text) end

---See kumo.serde.toml_load.
---@param path string
---@return table
function kumo.toml_load(path) end

---See kumo.serde.toml_encode.
---@param value table
---@return string
function kumo.toml_encode(value) end

---See kumo.serde.toml_encode_pretty.
---@param value table
---@return string
function kumo.toml_encode_pretty(value) end

---A rate such as `50/minute`, `1,000/hr`, `20/30min` or `60/min,max_burst=1`, for all that use this
---name and rate. Without `max_burst` a whole period's operations may follow each other at once. The
---counters are this gateway's own: they are shared by all threads, and no other host sees them.
---@param name string
---@param spec string
---@return Throttle
function kumo.make_throttle(name, spec) end

---The same as kumo.time.sleep.
---@param seconds number
function kumo.sleep(seconds) end

---Postern's version, as `postern version` prints it.
---@type string
kumo.version = nil

---The number of processors.
---@return integer
function kumo.available_parallelism() end

---Registers the handler of an event. Callable only while the policy loads; an event has one
---handler.
---@param event string
---@param handler function
---@overload fun(event: 'pre_init', handler: fun())
---@overload fun(event: 'init', handler: fun())
---@overload fun(event: 'smtp_server_connection_accepted', handler: fun(conn_meta: ConnMeta))
---@overload fun(event: 'smtp_server_ehlo', handler: fun(domain: string, conn_meta: ConnMeta, extensions?: string[]): string[]|nil)
---@overload fun(event: 'smtp_server_auth_plain', handler: fun(authz: string, authc: string, password: string, conn_meta: ConnMeta): boolean|AuthInfo)
---@overload fun(event: 'smtp_server_mail_from', handler: fun(sender: EnvelopeAddress, conn_meta: ConnMeta))
---@overload fun(event: 'get_listener_domain', handler: fun(domain: string, listener: string, conn_meta: ConnMeta): ListenerDomain|nil)
---@overload fun(event: 'smtp_server_rcpt_to', handler: fun(recipient: EnvelopeAddress, conn_meta: ConnMeta))
---@overload fun(event: 'smtp_server_data', handler: fun(message: Message, conn_meta: ConnMeta))
---@overload fun(event: 'smtp_server_message_received', handler: fun(message: Message, conn_meta: ConnMeta))
---@overload fun(event: 'smtp_server_rewrite_response', handler: fun(status: integer, response: string, command: string|nil, conn_meta: ConnMeta): integer|nil, string|nil)
---@overload fun(event: 'smtp_server_get_dynamic_parameters', handler: fun(listener: string, conn_meta: ConnMeta): ListenerOptions|nil)
function kumo.on(event, handler) end

---Refuses the current command with this reply: a code from 400 to 599, and a text that may begin
---with an enhanced status code. 421 closes the connection.
---@param code integer
---@param text string
function kumo.reject(code, text) end

---Refuses like `kumo.reject` and closes the connection.
---@param code integer
---@param text string
---@param mode? 'ForceDisconnect'|'FollowWith421'|'If421'
function kumo.disconnect(code, text, mode) end

---Listens for SMTP; only in the `init` event.
---@param options ListenerOptions
function kumo.start_esmtp_listener(options) end

---Checks the options; the result is for `get_listener_domain` to return.
---@param options ListenerDomain
---@return ListenerDomain
function kumo.make_listener_domain(options) end

---The options, checked. They have no effect here: `get_queue_config` is never fired.
---@param options table
---@return table
function kumo.make_queue_config(options) end

---The options. They have no effect here: source addresses are set in [[egress]].
---@param options table
---@return table
function kumo.make_egress_source(options) end

---The options. They have no effect here: pools of source addresses are set in [[egress]].
---@param options table
---@return table
function kumo.make_egress_pool(options) end

---The options. They have no effect here: TLS to other hosts is set in [relay], connections and
---rates in [[route]].
---@param options table
---@return table
function kumo.make_egress_path(options) end

---No effect here: counts are kept below [server] data_dir.
---@param ... any
---@deprecated
function kumo.configure_accounting_db_path(...) end

---No effect here: replies of other hosts are kept unchanged, in the log and in `postern queue
---show`.
---@param ... any
---@deprecated
function kumo.configure_bounce_classifier(...) end

---No effect here: logs are set in [log]; delivery.sent, delivery.deferred and delivery.bounced say
---what happened to mail.
---@param ... any
---@deprecated
function kumo.configure_local_logs(...) end

---No effect here: the log says what happened to mail: delivery.sent, delivery.deferred,
---delivery.bounced.
---@param ... any
---@deprecated
function kumo.configure_log_disposition_hook(...) end

---No effect here: the log says what happened to mail: delivery.sent, delivery.deferred,
---delivery.bounced.
---@param ... any
---@deprecated
function kumo.configure_log_hook(...) end

---No effect here: the counters of kumo.make_throttle are this gateway's own.
---@param ... any
---@deprecated
function kumo.configure_redis_throttles(...) end

---Not available in Postern: refuse suppressed recipients at `smtp_server_rcpt_to`, for instance
---from a database.
---@param ... any
---@deprecated
function kumo.configure_suppression_store(...) end

---No effect here: source addresses and their pools are [[egress]].
---@param ... any
---@deprecated
function kumo.define_egress_pool(...) end

---No effect here: source addresses and their pools are [[egress]].
---@param ... any
---@deprecated
function kumo.define_egress_source(...) end

---No effect here: the queue lies below [server] data_dir.
---@param ... any
---@deprecated
function kumo.define_spool(...) end

---No effect here: SIGHUP reads the policy and its files again.
---@param ... any
---@deprecated
function kumo.set_config_monitor_globs(...) end

---No effect here: [log] level says what is logged.
---@param ... any
---@deprecated
function kumo.set_diagnostic_log_filter(...) end

---No effect here: no mail comes in by HTTP.
---@param ... any
---@deprecated
function kumo.set_httpinject_recipient_rate_limit(...) end

---No effect here: no mail comes in by HTTP.
---@param ... any
---@deprecated
function kumo.set_httpinject_threads(...) end

---No effect here: event loops are [server] threads.
---@param ... any
---@deprecated
function kumo.set_logging_threads(...) end

---No effect here: caches are bounded; `capacity` of kumo.memoize is heeded.
---@param ... any
---@deprecated
function kumo.set_lruttl_cache_capacity(...) end

---No effect here: there is one Lua machine for each thread, [server] threads; what a hook may spend
---is in [lua].
---@param ... any
---@deprecated
function kumo.set_lua_gc_on_put(...) end

---No effect here: there is one Lua machine for each thread, [server] threads; what a hook may spend
---is in [lua].
---@param ... any
---@deprecated
function kumo.set_max_lua_context_age(...) end

---No effect here: there is one Lua machine for each thread, [server] threads; what a hook may spend
---is in [lua].
---@param ... any
---@deprecated
function kumo.set_max_lua_context_use_count(...) end

---No effect here: there is one Lua machine for each thread, [server] threads; what a hook may spend
---is in [lua].
---@param ... any
---@deprecated
function kumo.set_max_spare_lua_contexts(...) end

---No effect here: [limits] memory bounds the memory of messages.
---@param ... any
---@deprecated
function kumo.set_memory_hard_limit(...) end

---No effect here: [limits] memory bounds the memory of messages.
---@param ... any
---@deprecated
function kumo.set_memory_low_thresh(...) end

---No effect here: [limits] memory bounds the memory of messages.
---@param ... any
---@deprecated
function kumo.set_memory_soft_limit(...) end

---No effect here: event loops are [server] threads.
---@param ... any
---@deprecated
function kumo.set_qmaint_threads(...) end

---No effect here: event loops are [server] threads.
---@param ... any
---@deprecated
function kumo.set_ready_qmaint_threads(...) end

---No effect here: event loops are [server] threads.
---@param ... any
---@deprecated
function kumo.set_readyq_threads(...) end

---No effect here: event loops are [server] threads.
---@param ... any
---@deprecated
function kumo.set_smtpsrv_threads(...) end

---No effect here: event loops are [server] threads.
---@param ... any
---@deprecated
function kumo.set_spoolin_threads(...) end

---No effect here: KumoMTA does not use it any more either.
---@param ... any
---@deprecated
function kumo.set_timeq_spawn_reinsertion(...) end

---No effect here: the HTTP API listens on [api] address, with tokens; no mail comes in by HTTP.
---@param ... any
---@deprecated
function kumo.start_http_listener(...) end

---No effect here: source addresses and their pools are [[egress]].
---@param ... any
---@deprecated
function kumo.start_proxy_listener(...) end

---A function that caches the results of `f` by its arguments: at most `capacity` results, each for
---`ttl`, or for `negative_ttl` if it is nil or false. All threads share the cache. A call whose
---result is being computed by another call waits for it, at most for `populate_timeout`. Errors are
---not cached. Results are data, or a DomainMap or CidrMap; the last two options have no effect.
---@param f function
---@param options { name: string, ttl: Duration, capacity: integer, negative_ttl?: Duration, populate_timeout?: Duration, retry_on_populate_timeout?: boolean, invalidate_with_epoch?: boolean, allow_stale_reads?: boolean }
---@return function
function kumo.memoize(f, options) end

---@class kumo.regex
kumo.regex = {}

---A regular expression in the syntax of PCRE2, which is Perl's: case matters, `.` does not match a
---line end, `$` matches only the end, classes include Unicode; `(?ims)` at the start changes that.
---A match that takes too long is an error: a pattern cannot block the server.
---@param pattern string
---@return Regex
function kumo.regex.compile(pattern) end

---The text with a backslash before every character that is special in a regular expression.
---@param text string
---@return string
function kumo.regex.escape(text) end

---@class Regex
local Regex = {}

---Whether it matches anywhere.
---@param text string
---@return boolean
function Regex:is_match(text) end

---The first match.
---@param text string
---@return string|nil
function Regex:find(text) end

---All matches, without overlaps.
---@param text string
---@return string[]
function Regex:find_all(text) end

---The groups of the first match by number and, where they have one, by name; number 0 is the match
---itself.
---@param text string
---@return table<integer|string, string>|nil
function Regex:captures(text) end

---The text with the first match replaced. In `with`, `$1` and `$name` are groups, `${1}` if a
---letter follows, `$$` is a dollar sign.
---@param text string
---@param with string
---@return string
function Regex:replace(text, with) end

---The text with all matches replaced.
---@param text string
---@param with string
---@return string
function Regex:replace_all(text, with) end

---The text with the first `limit` matches replaced; 0 replaces all.
---@param text string
---@param limit integer
---@param with string
---@return string
function Regex:replacen(text, limit, with) end

---The pieces between the matches.
---@param text string
---@return string[]
function Regex:split(text) end

---@class kumo.secrets
kumo.secrets = {}

---The octets of a secret. A string names a file, read whole; `key_data` is the secret itself;
---`vault_mount` and `vault_path` name a secret of HashiCorp Vault's key-value engine version 2 and
---its field `vault_key` (default `key`). Without an address and a token VAULT_ADDR and VAULT_TOKEN
---are used, read at each call. If a login's hook fails because Vault has no such secret, the login
---is refused like one with a wrong password. With `event_name` the handler of that event, one of
---the policy's own, is called and returns the secret.
---@param source string|{key_data: string}|{vault_mount: string, vault_path: string, vault_key?: string, vault_address?: string, vault_token?: string}|{event_name: string, event_args?: any[]}
---@return string
function kumo.secrets.load(source) end

---@class kumo.serde
kumo.serde = {}

---The value of JSON text; `//`, `/* */` and `#` comments are ignored. Null is nil.
---@param text string
---@return any
function kumo.serde.json_parse(text) end

---The same for a file in the policy's folder or in a folder of `lua.read`. Errors name the file and
---the line.
---@param path string
---@return any
function kumo.serde.json_load(path) end

---JSON in one line, keys sorted. An empty table is `{}`.
---@param value any
---@return string
function kumo.serde.json_encode(value) end

---JSON with one value on each line.
---@param value any
---@return string
function kumo.serde.json_encode_pretty(value) end

---The table of TOML text. Dates and times are strings.
---@param text string
---@return table
function kumo.serde.toml_parse(text) end

---The same for a file in the policy's folder or in a folder of `lua.read`.
---@param path string
---@return table
function kumo.serde.toml_load(path) end

---TOML, keys sorted.
---@param value table
---@return string
function kumo.serde.toml_encode(value) end

---The same as toml_encode.
---@param value table
---@return string
function kumo.serde.toml_encode_pretty(value) end

---@class Connection
local Connection = {}

---Runs one statement, with values for its `?`, one by one or as a list, or with a table for its
---`:name`s, in which nil is NULL. ATTACH is refused. Pragmas can only read, except for
---`user_version` and `foreign_keys`. Without columns the result is the number of rows that changed,
---with one column the list of its values, with several a list of tables by column; no row is an
---empty list, NULL is nil. Other sessions are served while it runs. It is stopped when the time of
---the call is over, and when the result exceeds 10,000 rows or 8 MiB. A string or blob has at most
---1 MiB.
---@param sql string
---@param ... string|number|table|nil
---@return any[]|integer
function Connection:execute(sql, ...) end

---Closes the connection, which cannot be used afterwards.
function Connection:close() end

---@class kumo.string
kumo.string = {}

---The pieces between the separators, empty ones included. The separator is plain text, as
---everywhere in kumo.string; an empty one matches around every character.
---@param text string
---@param separator string
---@return string[]
function kumo.string.split(text, separator) end

---At most `limit` pieces; the last one is the rest.
---@param text string
---@param limit integer
---@param separator string
---@return string[]
function kumo.string.splitn(text, limit, separator) end

---The pieces from the right: the last one comes first.
---@param text string
---@param separator string
---@return string[]
function kumo.string.rsplit(text, separator) end

---At most `limit` pieces from the right; the last one is the rest.
---@param text string
---@param limit integer
---@param separator string
---@return string[]
function kumo.string.rsplitn(text, limit, separator) end

---The words between white space, including that of Unicode.
---@param text string
---@return string[]
function kumo.string.split_whitespace(text) end

---The words between blanks, tabs, line ends and form feeds.
---@param text string
---@return string[]
function kumo.string.split_ascii_whitespace(text) end

---The text without white space at both ends.
---@param text string
---@return string
function kumo.string.trim(text) end

---The text without white space at the start.
---@param text string
---@return string
function kumo.string.trim_start(text) end

---The text without white space at the end.
---@param text string
---@return string
function kumo.string.trim_end(text) end

---The text with every `what` replaced.
---@param text string
---@param what string
---@param with string
---@return string
function kumo.string.replace(text, what, with) end

---The text with the first `limit` of them replaced.
---@param text string
---@param what string
---@param with string
---@param limit integer
---@return string
function kumo.string.replacen(text, what, with, limit) end

---Whether the text begins with `start`.
---@param text string
---@param start string
---@return boolean
function kumo.string.starts_with(text, start) end

---Whether the text ends with `ending`.
---@param text string
---@param ending string
---@return boolean
function kumo.string.ends_with(text, ending) end

---The text folded into lines of at most `soft` octets (75) where words allow it; words longer than
---`hard` (900) are broken. Lines are separated by CR LF TAB, as in header fields.
---@param text string
---@param soft? integer
---@param hard? integer
---@return string
function kumo.string.wrap(text, soft, hard) end

---The registered domain, by the Public Suffix List: `example.co.uk` for `www.example.co.uk`. Nil
---for a public suffix and for text that is not a domain name.
---@param name string
---@return string|nil
function kumo.string.psl_domain(name) end

---The public suffix of a domain name: `co.uk` for `www.example.co.uk`.
---@param name string
---@return string|nil
function kumo.string.psl_suffix(name) end

---@class Throttle
local Throttle = {}

---Counts an operation, if it is within the rate; otherwise `throttled` is true and `retry_after`
---says when it will be, in seconds.
---@return { throttled: boolean, limit: integer, remaining: integer, reset_after: number, retry_after?: number }
function Throttle:throttle() end

---Waits until an operation is within the rate, and counts it; whether it had to wait. The time
---counts towards the budget of the call: when that is used up, the client gets a temporary refusal.
---@return boolean
function Throttle:sleep_if_throttled() end

---@class kumo.time
kumo.time = {}

---The time now, to the microsecond.
---@return Time
function kumo.time.now() end

---The time that many seconds after the start of 1970 UTC; fractions are allowed.
---@param seconds number
---@return Time
function kumo.time.from_unix_timestamp(seconds) end

---A time as in mail: `Sun, 2 Jan 2000 04:04:05 +0100`.
---@param text string
---@return Time
function kumo.time.parse_rfc2822(text) end

---A time as in `2000-01-02T03:04:05Z` or `2000-01-02T04:04:05.5+01:00`.
---@param text string
---@return Time
function kumo.time.parse_rfc3339(text) end

---A time in UTC.
---@param year integer
---@param month integer
---@param day integer
---@param hour integer
---@param minute integer
---@param second integer
---@return Time
function kumo.time.with_ymd_hms(year, month, day, hour, minute, second) end

---A span: a number of seconds, or a text as `5 minutes`, `1h 30m`.
---@param value number|string
---@return TimeDelta
function kumo.time.parse_duration(value) end

---Waits; other sessions are served meanwhile. The time counts towards the budget of the call.
---@param seconds number
function kumo.time.sleep(seconds) end

---Whole milliseconds since the start of 1970.
---@return integer
function kumo.time.epoch_millis() end

---The milliseconds since a time that epoch_millis returned.
---@param milliseconds integer
---@return integer
function kumo.time.since_millis(milliseconds) end

---Measures time until `done` is called, or until its variable goes out of scope if it is declared
---`<close>`.
---@param label string
---@return Timer
function kumo.time.start_timer(label) end

---@class Timer
local Timer = {}

---The seconds since the timer began; logged at level debug, with its label. Nil if `done` was
---called before.
---@return number|nil
function Timer:done() end

---@class Time
---@field year integer The year, 1 to 9999. All fields are of UTC.
---@field month integer 1 to 12.
---@field day integer 1 to 31.
---@field hour integer 0 to 23.
---@field minute integer 0 to 59.
---@field second integer 0 to 59.
---@field unix_timestamp integer Whole seconds since the start of 1970.
---@field unix_timestamp_millis integer Whole milliseconds since the start of 1970.
---@field rfc2822 string As in `Sun, 2 Jan 2000 03:04:05 +0000`.
---@field rfc3339 string As in `2000-01-02T03:04:05+00:00`.
---@field elapsed TimeDelta The time from then until now; negative for a future time.
---@operator add(TimeDelta): Time
---@operator sub(Time|TimeDelta): TimeDelta|Time
local Time = {}

---The time in strftime's format, with `%f` for nanoseconds, `%3f` for milliseconds, `%.3f` with a
---leading dot, `%:z` for an offset with a colon.
---@param format string
---@return string
function Time:format(format) end

---@class TimeDelta
---@field seconds number In seconds, with a fraction.
---@field milliseconds integer In whole milliseconds.
---@field microseconds integer In microseconds.
---@field nanoseconds integer|nil In nanoseconds; nil beyond 292 years. Spans are kept to the microsecond.
---@field human string As in `1h 30m`.
---@operator add(TimeDelta|Time): TimeDelta|Time
---@operator sub(TimeDelta): TimeDelta
local TimeDelta = {}

---@class kumo.uuid
kumo.uuid = {}

---A UUID of the current time; a random number takes the place of the machine's address.
---@return Uuid
function kumo.uuid.new_v1() end

---A random one.
---@return Uuid
function kumo.uuid.new_v4() end

---The same as new_v1 in a form that sorts by time.
---@return Uuid
function kumo.uuid.new_v6() end

---A UUID that sorts by the time of its creation.
---@return Uuid
function kumo.uuid.new_v7() end

---Parses any of the forms that a Uuid has, in either case.
---@param text string
---@return Uuid
function kumo.uuid.parse(text) end

---@class Uuid
---@field bytes string The 16 octets.
---@field hyphenated string As in `69994630-3e27-11ef-91fc-cc28aa0a5c5a`.
---@field simple string The 32 digits.
---@field braced string With hyphens, in braces.
---@field urn string With hyphens, after `urn:uuid:`.
local Uuid = {}

---@class ConnMeta
local ConnMeta = {}

---A value of the connection: one that was set, or one that Postern sets (`received_from`,
---`received_via`, `hostname`, `ehlo_domain`, `authn_id`, `authz_id`, `reception_protocol`,
---`tls_cipher`, `tls_protocol_version`, `tls_peer_subject_name`: `{'CN=…'}` of a trusted
---certificate; `orig_received_from` and `orig_received_via`, the ends of the connection itself
---where PROXY or XCLIENT named others).
---@param name string
---@return any
function ConnMeta:get_meta(name) end

---Sets a value of the connection, any data; messages inherit it, and records leave out its secrets.
---Names of your own begin with `x_`.
---@param name string
---@param value any
function ConnMeta:set_meta(name, value) end

---The identity as which the client authenticated.
---@return AuthInfo
function ConnMeta:auth_info() end

---@class EnvelopeAddress
---@field user string The local part, without quotes.
---@field domain string The domain.
---@field email string The whole address; empty for the null sender.
local EnvelopeAddress = {}

---@class Message
local Message = {}

---A value of the message, which starts with the values of the connection.
---@param name string
---@return any
function Message:get_meta(name) end

---Sets a value of the message, any data; `tenant`, `campaign`, `queue` and `routing_domain` are
---strings. A message whose `queue` is `null` is accepted and discarded; other names of queues have
---no effect.
---@param name string
---@param value any
function Message:set_meta(name, value) end

---The id of the message in the reply to its data ("queued as"), its Received field and the queue.
---If copies differ, the first one has it.
---@return string
function Message:id() end

---The reverse-path.
---@return EnvelopeAddress
function Message:sender() end

---Sets the reverse-path.
---@param address string|EnvelopeAddress
function Message:set_sender(address) end

---The recipient; a list if there are several.
---@return EnvelopeAddress|EnvelopeAddress[]
function Message:recipient() end

---The recipients.
---@return EnvelopeAddress[]
function Message:recipient_list() end

---Sets the recipients. Each must be one of ours, or one that the client may relay to.
---@param address string|EnvelopeAddress|(string|EnvelopeAddress)[]
function Message:set_recipient(address) end

---The value of the first field of that name, unfolded and decoded; encoded words that cannot be
---decoded stay. White space becomes one blank. From `smtp_server_message_received` on, the message
---begins with the Received field that Postern adds.
---@param name string
---@return string|nil
function Message:get_first_named_header_value(name) end

---The values of all fields of that name.
---@param name string
---@return string[]
function Message:get_all_named_header_values(name) end

---Name and value of each field.
---@return string[][]
function Message:get_all_headers() end

---Sets values of the message from its fields: `X-Campaign-ID` becomes `x_campaign_id`. The list
---names the fields; without it all that begin with `X-`. Of several fields of one name the lowest
---is used, or with `first` the topmost.
---@param names? string[]
---@param first? boolean
function Message:import_x_headers(names, first) end

---Removes the fields of the list; without names all that begin with `X-`.
---@param names? string[]
function Message:remove_x_headers(names) end

---Removes every field of that name.
---@param name string
function Message:remove_all_named_headers(name) end

---Adds a field at the top. The value is used unchanged; CR LF in it must be a fold, before a blank.
---A line of more than 998 octets is folded at white space; without white space it is an error. With
---`encode` lines are folded at 75 octets, words at 900, and text other than ASCII becomes encoded
---words (RFC 2047).
---@param name string
---@param value string
---@param encode? boolean
function Message:prepend_header(name, value, encode) end

---The same at the end of the header.
---@param name string
---@param value string
---@param encode? boolean
function Message:append_header(name, value, encode) end

---The whole message.
---@return string
function Message:get_data() end

---Replaces the message.
---@param data string
function Message:set_data(data) end

---Looks for issues of the message as RFC 5322 and MIME see it. Each list names some of
---`MISSING_COLON_VALUE`, `NON_CANONICAL_LINE_ENDINGS`, `NAME_ENDS_WITH_SPACE`, `LINE_TOO_LONG`
---(more than 78 octets), `NEEDS_TRANSFER_ENCODING`, `MISSING_DATE_HEADER`,
---`MISSING_MESSAGE_ID_HEADER` and `MISSING_MIME_VERSION`, separated by `|`. If the message has one
---of `checks` that is not among `fixes`, the result is a sentence for a refusal; otherwise it has
---none of `fixes` afterwards. Signed parts stay as they are. Text without a charset is taken for
---UTF-8, or with `detect_encoding` for the only one of `include_encodings`.
---@param checks string
---@param fixes string
---@param settings? { detect_encoding?: boolean, include_encodings?: string[], exclude_encodings?: string[] }
---@return string|nil
function Message:check_fix_conformance(checks, fixes, settings) end

---Does nothing: a message is on disk before the client is told 250.
function Message:save() end

---Does nothing, for the same reason.
---@param force? boolean
function Message:set_force_sync(force) end

---Does nothing and returns false: memory has limits of its own.
---@return boolean
function Message:shrink() end

---The same.
---@return boolean
function Message:shrink_data() end

---0: nothing has been delivered yet.
---@return integer
function Message:num_attempts() end

---The addresses of the first field of that name; nil if there is none.
---@param name string
---@return AddressHeader|nil
function Message:get_address_header(name) end

---The addresses of From.
---@return AddressHeader|nil
function Message:from_header() end

---The addresses of To.
---@return AddressHeader|nil
function Message:to_header() end

---Signs the message in its present form and adds the DKIM-Signature field at the top. Later changes
---break the signature. A signature that cannot be made is an error, so that mail is not sent
---unsigned.
---@param signer DkimSigner
function Message:dkim_sign(signer) end

---The results of the DKIM signatures of the message as received, at most ten; an empty list without
---a signature. Like all verdicts here they are evaluated once for a message.
---@param resolver? string
---@return AuthenticationResult[]
function Message:dkim_verify(resolver) end

---The result of the ARC chain of the message as received.
---@param resolver? string
---@return AuthenticationResult
function Message:arc_verify(resolver) end

---Adds an Authentication-Results field at the top and removes received ones of that name. Under the
---gateway's own name it replaces the gateway's field.
---@param server_id string
---@param results AuthenticationResult[]
function Message:add_authentication_results(server_id, results) end

---@class AddressHeader
---@field email string|nil The whole address; nil if there is only a name. Like `name`, `user` and `domain` it is an error unless the field is exactly one address and not a group.
---@field name string|nil The display name, decoded; nil without one.
---@field user string The local part, without quotes.
---@field domain string The domain.
---@field list HeaderAddress[] All addresses of the field, including those in groups; empty for `undisclosed-recipients:;`.
local AddressHeader = {}

---@class HeaderAddress
---@field email string|nil The whole address; nil where there is only a name.
---@field name string|nil The display name, decoded; nil without one.
---@field user string The local part, without quotes.
---@field domain string The domain.
local HeaderAddress = {}

---@class kumo.dkim
kumo.dkim = {}

---A signer for a domain. `headers` are the fields that are signed, From among them; `over_sign`
---signs each once more than it occurs, so that none can be added. The key, PEM, is read at once: if
---it comes from Vault or a database, make signers in a function that kumo.memoize caches. Records
---do not hold the key. `ttl` has no effect.
---@param parameters DkimParameters
---@return DkimSigner
function kumo.dkim.rsa_sha256_signer(parameters) end

---The same with an Ed25519 key (RFC 8463).
---@param parameters DkimParameters
---@return DkimSigner
function kumo.dkim.ed25519_signer(parameters) end

---No effect here: signatures are made by the threads for blocking work.
---@param ... any
---@deprecated
function kumo.dkim.set_signing_threads(...) end

---@class DkimSigner
---@field domain string Who signs.
---@field selector string The selector of the key's record.
local DkimSigner = {}

---@class kumo.spf
kumo.spf = {}

---Whether the client may use the domain (SPF): as the sender's domain, or without a sender as its
---HELO name.
---@param domain string
---@param conn_meta ConnMeta
---@param sender? string
---@param resolver? string
---@return SpfAnswer
function kumo.spf.check_host(domain, conn_meta, sender, resolver) end

---The result of SPF for the message's envelope.
---@param message Message
---@param resolver? string
---@return SpfAnswer
function kumo.spf.check_msg(message, resolver) end

---@class kumo.postern
kumo.postern = {}

---The result of DMARC for the message as received.
---@param message Message
---@return AuthenticationResult
function kumo.postern.dmarc_verify(message) end

---Whether a name of the address, else of the client's address, resolves to it (RFC 8601).
---@param ip? string
---@param resolver? string
---@return AuthenticationResult
function kumo.postern.iprev(ip, resolver) end

---Whether the client authenticated. A tenant's login, which only opens webhooks, does not count.
---@return AuthenticationResult
function kumo.postern.smtp_auth() end

---An address literal in HELO is the client's address (RFC 5321 §4.1.3). Holds for names, too. nil:
---not known. The second result is what was seen.
---@return boolean|nil, string
function kumo.postern.helo_literal_is_client() end

---Reads and checks the data files of the queues helper. Callable only while the policy loads.
---@param sources (string|table)[]
---@return QueuesConfig
function kumo.postern.queues_load(sources) end

---Reads and checks the data files of the listener_domains helper. Callable only while the policy
---loads.
---@param sources (string|table)[]
---@return ListenerDomains
function kumo.postern.listener_domains_load(sources) end

---Reports that a helper module has no effect here.
---@param name string
function kumo.postern.elsewhere(name) end

---A domain in the form that DomainMap uses: lower case, A-labels, no trailing dot.
---@param domain string
---@return string
function kumo.postern.one_spelling(domain) end

---Reads and checks the data files of the dkim_sign helper. Callable only while the policy loads.
---@param sources (string|table)[]
---@return table
function kumo.postern.dkim_data_load(sources) end

---@class QueuesConfig
---@field tenant_header string|nil The header that names the tenant.
---@field campaign_header string|nil The header that names the campaign.
local QueuesConfig = {}

---What to do with a message: `meta` to set, `remove_headers`, and a `refusal` if it may not be sent
---as its tenant.
---@param tenant? string
---@param campaign? string
---@param authz_id? string
---@param domain? string
---@return table
function QueuesConfig:decide(tenant, campaign, authz_id, domain) end

---The options of a queue.
---@param domain? string
---@param tenant? string
---@param campaign? string
---@return table|nil
function QueuesConfig:resolve_config(domain, tenant, campaign) end

---@class ListenerDomains
local ListenerDomains = {}

---The parameters of kumo.make_listener_domain for a connection.
---@param domain string
---@param listener string
---@param received_from? string
---@param authz_id? string
---@return table|nil
function ListenerDomains:find(domain, listener, received_from, authz_id) end

---@class kumo.domain_map
kumo.domain_map = {}

---A table by domain name in which `*.example.com` matches every name below example.com. Memoized
---functions may return it.
---@param entries? table
---@return DomainMap
function kumo.domain_map.new(entries) end

---@class DomainMap
---@field [string] any
local DomainMap = {}

---@class kumo.cidr
kumo.cidr = {}

---A table by address and network: `192.0.2.0/24`, `2001:db8::/32`, `192.0.2.1`. The smallest
---network that contains an address applies to it. Memoized functions may return it.
---@param entries? table
---@return CidrMap
function kumo.cidr.make_map(entries) end

---@class CidrMap
---@field [string] any
local CidrMap = {}

---@class kumo.aaa
kumo.aaa = {}

---No effect here: the audit log says who did what by the API.
---@param ... any
---@deprecated
function kumo.aaa.configure_acct_log(...) end

---No effect here: accounts, teams and tokens define who may use the API; trusted_hosts and ACLs of
---KumoMTA protect nothing here.
---@param ... any
---@deprecated
function kumo.aaa.load_acl_map(...) end

---No effect here: accounts, teams and tokens define who may use the API; trusted_hosts and ACLs of
---KumoMTA protect nothing here.
---@param ... any
---@deprecated
function kumo.aaa.make_access_control_list(...) end

---No effect here: accounts, teams and tokens define who may use the API; trusted_hosts and ACLs of
---KumoMTA protect nothing here.
---@param ... any
---@deprecated
function kumo.aaa.make_http_url_resource(...) end

---Not available in Postern: accounts, teams and tokens define who may use the API; trusted_hosts
---and ACLs of KumoMTA protect nothing here.
---@param ... any
---@deprecated
function kumo.aaa.query_resource_access(...) end

---No effect here: accounts, teams and tokens define who may use the API; trusted_hosts and ACLs of
---KumoMTA protect nothing here.
---@param ... any
---@deprecated
function kumo.aaa.set_acl_cache_ttl(...) end

---No effect here: accounts, teams and tokens define who may use the API; trusted_hosts and ACLs of
---KumoMTA protect nothing here.
---@param ... any
---@deprecated
function kumo.aaa.set_check_cache_ttl(...) end

---No effect here: accounts, teams and tokens define who may use the API; trusted_hosts and ACLs of
---KumoMTA protect nothing here.
---@param ... any
---@deprecated
function kumo.aaa.set_fall_back_to_acl_map(...) end

---@class QueueHelper
local QueueHelper = {}

---Determines the message's tenant and campaign, and refuses the message if its sender may not use
---that tenant. For `smtp_server_message_received`.
---@param msg Message
function QueueHelper:apply(msg) end

---The options that apply to a queue.
---@param domain? string
---@param tenant? string
---@param campaign? string
---@return table|nil
function QueueHelper:resolve_config(domain, tenant, campaign) end

return kumo
