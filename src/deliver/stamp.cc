#include "deliver/stamp.h"

#include <algorithm>
#include <functional>
#include <stdexcept>

#include "base/text.h"
#include "mail/received.h"
#include "mailauth/ar/strip.h"
#include "mailauth/ar/write.h"
#include "mailauth/dmarc/from_header.h"
#include "policy/directory.h"
#include "policy/dkim_keyring.h"
#include "policy/results_field.h"

namespace postern::deliver {
namespace {

namespace ar = mailauth::ar;
namespace dkim = mailauth::dkim;

/// nullopt: there are several.
std::optional<mail::Mailbox> only_recipient(const policy::Evidence& evidence) {
  const auto& all = evidence.recipients;
  if (all.empty()) return std::nullopt;
  const std::string first = all.front().address.text();
  const bool alone = std::all_of(all.begin(), all.end(), [&](const policy::Recipient& one) {
    return iequals(one.address.text(), first);
  });
  return alone ? std::optional(all.front().address) : std::nullopt;
}

std::string received(const policy::Evidence& evidence, const StampOptions& options) {
  const policy::SessionFacts& session = evidence.session;
  mail::Arrival arrival;
  arrival.helo_name = session.helo;
  arrival.client_address = session.client_ip;
  arrival.hostname = options.hostname;
  arrival.protocol = mail::transmission_type({.extended = session.esmtp,
                                              .tls = session.tls.has_value(),
                                              .authenticated = session.auth.has_value(),
                                              .smtputf8 = evidence.smtputf8});
  if (session.tls) arrival.tls = session.tls->version + " " + session.tls->cipher;
  arrival.id = options.id;
  arrival.recipient = only_recipient(evidence);
  arrival.time = options.time;
  return mail::received_field(arrival);
}

std::string results(const policy::Evidence& evidence, const StampOptions& options) {
  ar::AuthenticationResults results = policy::results_of(evidence, options.authserv_id);
  // Next hops need not learn the user names of this host.
  for (ar::MethodResult& one : results.results) {
    if (one.method == "auth") one.properties.clear();
  }
  return ar::write_field(results);
}

/// Whether the client may sign for the signer's account.
bool may_sign(const policy::Evidence& evidence, const policy::DkimSigner& signer,
              const StampOptions& options) {
  if (options.trusted_client) return true;
  const std::optional<policy::Authentication>& auth = evidence.session.auth;
  if (!auth) return false;
  // Granted by the operator and not by an account: a trusted proxy or a hook has authenticated the
  // name.
  if (auth->granted.empty()) return true;
  return std::any_of(auth->granted.begin(), auth->granted.end(), [&](const auto& grant) {
    const auto policy = options.policies ? options.policies->policy(grant.first) : nullptr;
    return policy && policy->account_id == signer.account_id();
  });
}

/// A DKIM-Signature field for each key.
Result<std::string> signed_by(const policy::DkimSigner& signer, const mailauth::HeaderView& header,
                              std::string_view body_text,
                              std::chrono::system_clock::time_point time) {
  const auto& keys = signer.keys();
  if (!keys) return tl::unexpected(keys.error());
  dkim::SignOptions sign;
  sign.domain = signer.domain();
  sign.signed_at = std::chrono::system_clock::to_time_t(time);
  sign.expires_at = *sign.signed_at + std::chrono::seconds(signature_lifetime).count();
  dkim::BodyHasher body(sign.forms.body);
  body.feed(body_text);
  body.finish();
  std::string fields;
  for (const policy::DkimSigner::Key& one : *keys) {
    sign.selector = one.selector;
    Result<std::string> field = dkim::sign(one.key, sign, header, body);
    if (!field) return field;
    fields += *field;
  }
  return fields;
}

using MaySign = std::function<bool(const policy::DkimSigner&)>;

/// The DKIM-Signature fields that are due; "" if none. Every failure is temporary, so the client
/// tries again.
Result<std::string> due_signatures(std::string_view header_text, std::string_view body,
                                   const policy::DkimKeyring& keys,
                                   std::chrono::system_clock::time_point time, const MaySign& may) {
  std::string why;
  try {
    // The message was accepted, so its number of fields has already been checked.
    const mailauth::HeaderView header =
        mailauth::HeaderView::parse(header_text, {.octets = SIZE_MAX, .fields = SIZE_MAX});
    const auto author = mailauth::dmarc::author_of(header);
    // If readers may see different authors, there is no domain to sign for.
    if (!author.is_strict()) return std::string();
    const auto signer = keys.signer_for(author.domains.front());
    if (!signer || !may(*signer)) return std::string();
    Result<std::string> made = signed_by(*signer, header, body, time);
    if (made) return made;
    why = made.error().message;
  } catch (const std::runtime_error& error) {  // libcrypto
    why = error.what();
  }
  return fail(Fault::temporary, "a due signature could not be made: " + why);
}

/// Offset of the empty line; without one, everything is header.
std::size_t header_end(std::string_view message) {
  if (message.starts_with("\r\n")) return 0;
  const std::size_t last = message.find("\r\n\r\n");
  return last == std::string_view::npos ? message.size() : last + 2;
}

}  // namespace

Result<spool::Body> stamped(const policy::Evidence& evidence, std::string_view message,
                            const StampOptions& options) {
  if (message.starts_with(' ') || message.starts_with('\t')) {
    return fail(Fault::malformed, "the message begins with white space");
  }
  const std::size_t header_size = header_end(message);
  const std::string_view rest = message.substr(header_size);
  // Keeps what a script wrote with our authserv-id; the script already removed received results.
  const bool written = std::any_of(
      evidence.copies.begin(), evidence.copies.end(), [&](const policy::ScriptCopy& copy) {
        return ar::OwnIds(copy.results_of).contains(options.authserv_id);
      });
  const std::string_view header = message.substr(0, header_size);
  const std::string kept =
      written ? std::string(header) : ar::strip_own(header, ar::OwnIds({options.authserv_id}));
  Result<std::string> signed_by_us = std::string();
  if (options.keys != nullptr) {
    signed_by_us = due_signatures(
        kept, rest.starts_with("\r\n") ? rest.substr(2) : rest, *options.keys, options.time,
        [&](const policy::DkimSigner& signer) { return may_sign(evidence, signer, options); });
  }
  if (!signed_by_us) return tl::unexpected(signed_by_us.error());

  spool::Body body(options.directory);
  const bool by_rules = std::ranges::any_of(evidence.copies, &policy::ScriptCopy::results_by_rules);
  const std::string trace = received(evidence, options) +
                            (written || by_rules ? std::string() : results(evidence, options));
  for (const std::string_view piece :
       {std::string_view(trace), std::string_view(*signed_by_us), std::string_view(kept), rest}) {
    if (Result<void> added = body.append(piece); !added) return tl::unexpected(added.error());
  }
  return body;
}

Result<std::string> own_signatures(std::string_view message, const policy::DkimKeyring& keys,
                                   std::chrono::system_clock::time_point time) {
  const std::size_t header_size = header_end(message);
  const std::string_view rest = message.substr(header_size);
  return due_signatures(message.substr(0, header_size),
                        rest.starts_with("\r\n") ? rest.substr(2) : rest, keys, time,
                        [](const policy::DkimSigner&) { return true; });
}

}  // namespace postern::deliver
