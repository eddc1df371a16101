// SPF, DKIM, DMARC and relaying for scripts. The results are the decision's own evidence: each
// check runs once, however many layers ask for its result. Private to the files of these functions.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "dialect/vsl/context.h"
#include "dialect/vsl/value.h"
#include "mailauth/ar/parse.h"
#include "script/soon.h"

namespace postern::dialect::vsl {

/// A map that is computed from the evidence. The record of a call does not keep it, because it has
/// the evidence: the function runs again when the call is replayed, and adds its header field.
using CheckResult = std::shared_ptr<const Value>;

/// Denies mail with a local sender from an unknown client (554 5.7.1). Throws a sentence before
/// MAIL.
script::Soon<StatusPtr> check_mail_relay(script::Call& call, Value allowed_hosts);
/// Grants a relay route to known clients; refuses other clients' recipients that are not local (554
/// 5.7.1). Throws a sentence at other stages than RCPT.
script::Soon<StatusPtr> check_rcpt_relay(script::Call& call, Value allowed_hosts);
/// SPF (RFC 7208 §8) as a status. `header`: "spf", "auth", "both" or "none", the fields to add;
/// without `policy`, hosts that are not checked. `policy`: "strict" or "soft".
Task<StatusPtr> check_spf(script::Call& call, Value header, std::optional<Value> policy);
/// The result of SPF as a map.
Task<CheckResult> check_spf_inner(script::Call& call);
/// The results of DKIM (RFC 6376 §6) as a map; adds Authentication-Results (RFC 8601 §2.2).
Task<CheckResult> verify_dkim(script::Call& call);
/// Signs the message as it is now, and adds DKIM-Signature (RFC 6376 §5). Throws a sentence without
/// a key. `selector`: a text, or a map of all options; `key`: of private_keys(), may be left out.
Task<void> sign_dkim(script::Call& call, Value selector, std::optional<Value> key,
                     std::optional<Value> fields, std::optional<Value> canonicalization);
/// The keys of a domain of ours, for sign_dkim(): maps `#{ sdid }`, at most one.
Value private_keys(script::Call& call, Text domain);
/// DMARC (RFC 7489 §6.6) as a status; adds Authentication-Results.
Task<StatusPtr> check_dmarc(script::Call& call);

/// The DKIM key of a local domain, in lower case; null: it has none.
std::shared_ptr<const mailauth::dkim::SigningKey> key_of(const Site& site, std::string_view domain);
/// Whether any local domain has a DKIM key.
bool has_keys(const Site& site);
/// Throws a sentence before the message is received, and if it was not kept.
void need_message(Context& context);
/// Collects the evidence that is still missing.
Task<void> gather(Context& context, policy::Need needs);
/// Adds an Authentication-Results field on top (RFC 8601 §2.2), with the site's name, and removes
/// received ones with that name (§5).
void add_results(Context& context, std::vector<mailauth::ar::MethodResult> results);

/// The result of SPF for Authentication-Results (RFC 8601 §2.7.2), with the whole sender.
mailauth::ar::MethodResult spf_method(const policy::Evidence& evidence);
/// The results of the signatures that verify_dkim() checks, for Authentication-Results (RFC 8601
/// §2.7.1); "none" without any.
std::vector<mailauth::ar::MethodResult> dkim_methods(const policy::Evidence& evidence);

/// Makes a status.
inline StatusPtr status_of(Status::Kind kind, std::string detail,
                           std::optional<smtp::Reply> reply = std::nullopt) {
  Status status{.kind = kind, .reply = std::move(reply), .queue = {}, .detail = std::move(detail)};
  return std::make_shared<const Status>(std::move(status));
}

/// Whether the address is local; the null reverse-path is not.
inline bool is_local(const Context& context, const std::optional<mail::Mailbox>& address) {
  return address && context.site.is_local(address->domain);
}

}  // namespace postern::dialect::vsl

/// Passes a CheckResult to scripts.
template <>
struct postern::script::ToScript<postern::dialect::vsl::CheckResult> {
  /// Pushes the map that it points to.
  static void push(lua_State* L, const dialect::vsl::CheckResult& result) {
    dialect::vsl::push(L, *result);
  }
};
