#include "dialect/kumo/api.h"

#include "dialect/kumo/address_header.h"
#include "dialect/kumo/auth_results.h"
#include "dialect/kumo/cidr_map_bind.h"
#include "dialect/kumo/dkim_data.h"
#include "dialect/kumo/dkim_signer.h"
#include "dialect/kumo/domain_map_bind.h"
#include "dialect/kumo/egress.h"
#include "dialect/kumo/elsewhere.h"
#include "dialect/kumo/events.h"
#include "dialect/kumo/helper_modules.h"
#include "dialect/kumo/library.h"
#include "dialect/kumo/listener.h"
#include "dialect/kumo/message.h"
#include "dialect/kumo/offered_functions.h"
#include "dialect/kumo/queues_bind.h"
#include "dialect/kumo/refusal.h"
#include "dialect/kumo/session.h"
#include "script/memoize.h"

namespace postern::dialect::kumo {

namespace {

constexpr script::HostFunction memoize_functions[] = {
    {"kumo.memoize",
     "f: function, options: { name: string, ttl: Duration, capacity: integer, negative_ttl?: "
     "Duration, populate_timeout?: Duration, retry_on_populate_timeout?: boolean, "
     "invalidate_with_epoch?: boolean, allow_stale_reads?: boolean }",
     "function",
     "A function that caches the results of `f` by its arguments: at most `capacity` results, "
     "each for `ttl`, or for `negative_ttl` if it is nil or false. All threads share the cache. A "
     "call whose result is being computed by another call waits for it, at most for "
     "`populate_timeout`. Errors are not cached. Results are data, or a DomainMap or CidrMap; the "
     "last two options have no effect.",
     script::memoize},
};

constexpr script::HostFunction queue_module_rows[] = {
    {"policy-extras.queue:setup", "file_names: (string|table)[]", "QueueHelper",
     "Reads and checks the files, in this order; a table may take the place of a file. Callable "
     "once, while the policy loads.",
     nullptr},
    {"policy-extras.queue:setup_with_options",
     "options: { file_names: (string|table)[], skip_queue_config_hook?: boolean, "
     "invalidate_with_epoch?: boolean }",
     "QueueHelper", "The same; the other options have no effect.", nullptr},
    {"QueueHelper:apply", "msg: Message", "",
     "Determines the message's tenant and campaign, and refuses the message if its sender may not "
     "use that tenant. For `smtp_server_message_received`.",
     nullptr},
    {"QueueHelper:resolve_config", "domain?: string, tenant?: string, campaign?: string",
     "table|nil", "The options that apply to a queue.", nullptr},
};

constexpr script::HostFunction listener_domains_module_rows[] = {
    {"policy-extras.listener_domains:setup", "file_names: (string|table)[]",
     "fun(domain: string, listener: string, conn_meta: ConnMeta): ListenerDomain|nil",
     "Reads and checks the files; the result is a handler of `get_listener_domain`.", nullptr},
};

constexpr script::HostFunction mail_auth_module_rows[] = {
    {"policy-extras.mail_auth.check", "msg: Message, options?: MailAuthOptions", "MailAuthResults",
     "Authenticates a message, and adds the results as an Authentication-Results field for later "
     "hosts.",
     nullptr},
    {"policy-extras.mail_auth.iprev", "ip: string, resolver?: string", "AuthenticationResult",
     "Whether a name of the address resolves to the address (RFC 8601).", nullptr},
    {"policy-extras.mail_auth.iprev_msg", "msg: Message, resolver?: string", "AuthenticationResult",
     "The same for the client that the message came from.", nullptr},
};

constexpr DataField result_fields[] = {
    {"method", "string", "`spf`, `dkim`, `dmarc`, `arc`, `iprev`, `auth`."},
    {"method_version", "integer", "1."},
    {"result", "string", "`pass`, `fail`, `none`, `temperror` and so on (RFC 8601)."},
    {"reason?", "string", "Why it did not pass."},
    {"props", "table<string, string>", "What was looked at: `smtp.mailfrom`, `header.d`."},
};
constexpr DataField spf_fields[] = {
    {"disposition", "string", "The result's word."},
    {"result", "AuthenticationResult", "The result."},
};
constexpr DataField mail_auth_option_fields[] = {
    {"dkim?", "boolean", "`false` leaves this check out; the same for the others."},
    {"spf?", "boolean", "SPF of the envelope."},
    {"iprev?", "boolean", "Whether a name of the client's address resolves to that address."},
    {"smtp_auth?", "boolean", "Whether the client authenticated."},
    {"dmarc?", "boolean", "DMARC."},
    {"arc?", "boolean", "The ARC chain."},
    {"add_auth_results_header?", "boolean", "`false` leaves the message as it is."},
    {"server_id?", "string", "The authserv-id of the field; else the listener's name."},
    {"resolver?", "string", "Accepted, without effect."},
};
constexpr DataField mail_auth_result_fields[] = {
    {"dkim?", "AuthenticationResult[]",
     "One for each signature; without a signature one that says `none`."},
    {"spf?", "AuthenticationResult", "SPF of the envelope."},
    {"iprev?", "AuthenticationResult", "Whether a name of the address resolves to it."},
    {"smtp_auth?", "AuthenticationResult", "Whether the client authenticated."},
    {"dmarc?", "AuthenticationResult", "DMARC."},
    {"arc?", "AuthenticationResult", "The ARC chain."},
    {"auth_results", "AuthenticationResult[]", "All results, as in the header field."},
};

constexpr DataField identity_fields[] = {
    {"identity", "string", "The name."},
    {"context", "AuthContext",
     "What the name identifies: the owner of the password, or the user "
     "for whom the client acts."},
};
constexpr DataField auth_info_fields[] = {
    {"identities", "AuthIdentity[]",
     "Without an authentication identity the first identity is it; without an authorization "
     "identity it is the authentication identity."},
    {"groups?", "string[]", "Groups of the client."},
    {"peer_address?", "string", "Accepted, without effect."},
};
constexpr DataField listener_domain_fields[] = {
    {"relay_to?", "boolean", "Whether mail for the domain is accepted from any client."},
    {"relay_from?", "string[]",
     "Networks whose clients may send from the domain to anywhere: `192.0.2.0/24`."},
    {"relay_from_authz?", "string",
     "The authorization identity because of which `relay_from` has the client's address, for the "
     "trace; `policy-extras.listener_domains` sets it. It permits nothing."},
    {"log_oob?", "ReportHandling",
     "Whether asynchronous bounces are accepted, and then relayed: multipart/report of the type "
     "delivery-status (RFC 3464)."},
    {"log_arf?", "ReportHandling", "The same for complaints: feedback-report (RFC 5965)."},
};
constexpr DataField listener_fields[] = {
    {"listen", "string", "`192.0.2.1:25`, `[2001:db8::1]:25`."},
    {"hostname?", "string", "The listener's host name; else `server.hostname`."},
    {"banner?", "string", "The text of the greeting after the name."},
    {"relay_hosts?", "string[]",
     "Networks whose clients may relay to any domain; else only those of this machine."},
    {"tls_certificate?", "KeySource",
     "A PEM file, or where its text is; without it the server makes a certificate."},
    {"tls_private_key?", "KeySource", "The certificate's key."},
    {"client_timeout?", "Duration", "How long the client may be silent; else a minute."},
    {"max_message_size?", "integer", "In octets; else 20 MiB."},
    {"max_recipients_per_message?", "integer", "Else 1024."},
    {"max_messages_per_connection?", "integer", "Else 10000."},
    {"line_length_hard_limit?", "integer", "In octets; else 998."},
    {"invalid_line_endings?", "'Deny'|'Allow'|'Fix'",
     "Lines that do not end in CRLF; else 'Deny'."},
    {"max_connections?", "integer", "At a time; else 32768. Further clients get 421."},
    {"meta?", "table", "Initial values of every connection."},
    {"peer?", "table<string, ListenerOptions>",
     "Options by network, for its clients. The most specific network applies; `listen` and "
     "`max_connections` cannot be set here."},
    {"via?", "table<string, ListenerOptions>",
     "The same by the network of the server's address; applied after `peer`."},
};

constexpr DataField dkim_fields[] = {
    {"domain", "string", "Who signs (d=)."},
    {"selector", "string", "The selector of the key's record (s=)."},
    {"headers", "string[]", "The fields that are signed; From must be among them."},
    {"key", "KeySource", "RSA of 1024 to 4096 bits or Ed25519, PEM, without a passphrase."},
    {"over_sign?", "boolean",
     "Signs each field once more than it occurs, so that none can be "
     "added."},
    {"expiration?", "integer", "Seconds for which the signature is good (x=)."},
    {"agent_user_identifier?", "string",
     "The identity on whose behalf the message is signed (i=)."},
    {"header_canonicalization?", "'Relaxed'|'Simple'", "Else 'Relaxed'."},
    {"body_canonicalization?", "'Relaxed'|'Simple'", "Else 'Relaxed'."},
    {"ttl?", "number", "Accepted, without effect: see kumo.memoize."},
};
constexpr DataField shaper_fields[] = {
    {"get_egress_path_config", "function", "No effect here."},
    {"get_queue_config", "function", "No effect here."},
    {"should_enqueue_log_record", "function", "No effect here."},
    {"setup_publish", "function", "No effect here."},
};
constexpr DataField warmer_fields[] = {
    {"wrap", "fun(handler: function): function", "The handler as it is."},
    {"apply_to_params", "function", "No effect here."},
};

constexpr DataType data_types[] = {
    {"Duration", "Seconds, or a text such as `10s`, `5 minutes`, `1h 30m`.", "number|string", {}},
    {"KeySource",
     "A file's name, or another source of a secret: see `kumo.secrets.load`.",
     "string|{key_data: string}|{vault_mount: string, vault_path: string, vault_key?: string, "
     "vault_address?: string, vault_token?: string}",
     {}},
    {"AuthContext",
     "The kind of an identity.",
     "'SmtpAuthPlainAuthorization'|'SmtpAuthPlainAuthentication'|'HttpBasicAuth'|'BearerToken'|"
     "'ProxyAuthRfc1929'|'LocalSystem'|'GenericAuth'",
     {}},
    {"AuthIdentity", "One of a client's names.", "", identity_fields},
    {"AuthInfo", "Who a client is, and for whom it may act.", "", auth_info_fields},
    {"AuthenticationResult", "The result of one method (RFC 8601).", "", result_fields},
    {"SpfAnswer", "The result of SPF.", "", spf_fields},
    {"MailAuthOptions", "Options of `check`.", "", mail_auth_option_fields},
    {"MailAuthResults", "Results of `check`.", "", mail_auth_result_fields},
    {"ReportHandling",
     "What happens to reports.",
     "boolean|'Ignore'|'LogThenDrop'|'LogThenRelay'",
     {}},
    {"ListenerDomain", "Who may send to or from a domain.", "", listener_domain_fields},
    {"ListenerOptions", "Options of a listener that a policy starts.", "", listener_fields},
    {"DkimParameters", "Parameters of a signer.", "", dkim_fields},
    {"Shaper", "The result of the shaping helper; it has no effect here.", "", shaper_fields},
    {"Warmer", "The result of the warm-up helper; it has no effect here.", "", warmer_fields},
};

}  // namespace

std::vector<script::HostTable> all_functions() {
  std::vector<script::HostTable> tables = library();
  for (const script::HostTable table :
       {event_functions(), refusal_functions(), session_functions(), message_functions(),
        message_header_functions(), message_fix_functions(), address_header_functions(),
        dkim_signer_functions(), auth_results_functions(), offered_functions(),
        listener_functions(), queues_functions(), domain_map_functions(), cidr_map_functions(),
        egress_functions(), elsewhere_functions(), dkim_data_functions(),
        script::HostTable(memoize_functions)}) {
    tables.push_back(table);
  }
  return tables;
}

std::span<const script::SharedClass> shared_classes() {
  static const script::SharedClass classes[] = {domain_map_class(), cidr_map_class(),
                                                dkim_signer_class()};
  return classes;
}

std::span<const Module> all_modules() {
  static const Module modules[] = {
      {"policy-extras.queue", queue_module_text(), queue_module_rows},
      {"policy-extras.listener_domains", listener_domains_module_text(),
       listener_domains_module_rows},
      {"policy-extras.mail_auth", mail_auth_module_text(), mail_auth_module_rows},
  };
  static const std::vector<Module> all = [] {
    std::vector<Module> list(std::begin(modules), std::end(modules));
    for (const Module& one : helper_modules()) list.push_back(one);
    return list;
  }();
  return all;
}

std::span<const DataType> all_types() { return data_types; }

}  // namespace postern::dialect::kumo
