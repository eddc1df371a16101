// SPF, DKIM, DMARC and relaying for scripts: the decision's own evidence, each verdict found out
// once, whoever asks. Only for the files of these functions.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "dialect/vsl/context.h"
#include "dialect/vsl/value.h"
#include "mailauth/ar/parse.h"

namespace postern::dialect::vsl {

/// A map that follows from the evidence. What stands behind a pointer is not kept in the record of
/// a call, which has the evidence: the function runs again when the call does, and writes its
/// field.
using Verdict = std::shared_ptr<const Value>;

Task<StatusPtr> check_mail_relay(script::Call& call, Value allowed_hosts);
Task<StatusPtr> check_rcpt_relay(script::Call& call, Value allowed_hosts);
Task<StatusPtr> check_spf(script::Call& call, Value header, std::optional<Value> policy);
Task<Verdict> check_spf_inner(script::Call& call);
Task<Verdict> verify_dkim(script::Call& call);
Task<void> sign_dkim(script::Call& call, Text selector, std::optional<Value> fields,
                     std::optional<Text> canonicalization);
Task<StatusPtr> check_dmarc(script::Call& call);

/// Finds out what is not known yet.
Task<void> gather(Context& context, policy::Need needs);
/// Puts an Authentication-Results field in front, in the site's name, in place of received ones.
void add_results(Context& context, std::vector<mailauth::ar::MethodResult> results);

/// SPF as Authentication-Results tell it here: with the whole sender.
mailauth::ar::MethodResult spf_method(const policy::Evidence& evidence);
/// Of the signatures that verify_dkim() looks at; "none" without any.
std::vector<mailauth::ar::MethodResult> dkim_methods(const policy::Evidence& evidence);

inline StatusPtr status_of(Status::Kind kind, std::string detail,
                           std::optional<smtp::Reply> reply = std::nullopt) {
  Status status{.kind = kind, .reply = std::move(reply), .queue = {}, .detail = std::move(detail)};
  return std::make_shared<const Status>(std::move(status));
}

/// Whether it is an address of ours; the null sender is not.
inline bool is_local(const Context& context, const std::optional<mail::Mailbox>& address) {
  return address && context.site.is_local(address->domain);
}

}  // namespace postern::dialect::vsl

template <>
struct postern::script::ToScript<postern::dialect::vsl::Verdict> {
  static void push(lua_State* L, const dialect::vsl::Verdict& verdict) {
    dialect::vsl::push(L, *verdict);
  }
};
