#include "deliver/payload_context.h"

#include <algorithm>
#include <chrono>

#include <fmt/chrono.h>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include "base/text.h"
#include "deliver/mime_charset.h"

namespace postern::deliver {

namespace json = boost::json;

namespace {

/// Words written in capitals inside names.
constexpr std::string_view capitals[] = {"id",   "html",  "url", "ip",     "tls",      "spf",
                                         "dkim", "dmarc", "arc", "sha256", "smtputf8", "rdns"};

std::string camel_case(std::string_view name) {
  std::string camel;
  for (const std::string_view word : split(name, '_')) {
    bool all = false;
    for (const std::string_view other : capitals) all = all || word == other;
    if (all) {
      camel += upper(word);
    } else if (!word.empty()) {
      camel += to_upper(word.front());
      camel += word.substr(1);
    }
  }
  return camel;
}

/// Recursion is safe: payloads nest at most seven levels.
json::value camel_cased(const json::value& value) {
  if (value.is_array()) {
    json::array list;
    for (const json::value& element : value.get_array()) list.push_back(camel_cased(element));
    return list;
  }
  if (!value.is_object()) return value;
  json::object object;
  for (const json::key_value_pair& member : value.get_object()) {
    object.emplace(camel_case(member.key()),
                   member.key() == "headers" ? member.value() : camel_cased(member.value()));
  }
  return object;
}

}  // namespace

json::value template_data(const json::value& payload) { return camel_cased(payload); }

std::vector<const policy::Recipient*> distinct_recipients(const policy::Evidence& evidence) {
  std::vector<const policy::Recipient*> distinct;
  for (const policy::Recipient& recipient : evidence.recipients) {
    bool known = false;
    for (const policy::Recipient* other : distinct) {
      known = known || iequals(other->address.text(), recipient.address.text());
    }
    if (!known) distinct.push_back(&recipient);
  }
  return distinct;
}

json::value envelope_object(const policy::Evidence& evidence) {
  json::array recipients;
  for (const policy::Recipient* recipient : distinct_recipients(evidence)) {
    json::value tag;
    if (recipient->route.tag) tag = valid_utf8(*recipient->route.tag);
    recipients.push_back(
        {{"address", valid_utf8(recipient->address.text())}, {"tag", std::move(tag)}});
  }
  return {{"mail_from", evidence.reverse_path ? valid_utf8(evidence.reverse_path->text()) : ""},
          {"rcpt_to", std::move(recipients)},
          {"smtputf8", evidence.smtputf8},
          {"body", evidence.body_8bitmime ? "8BITMIME" : "7BIT"}};
}

json::value client_object(const policy::Evidence& evidence) {
  const policy::SessionFacts& session = evidence.session;
  json::value tls;
  if (session.tls) tls = {{"version", session.tls->version}, {"cipher", session.tls->cipher}};
  json::value auth;
  if (session.auth) {
    auth = {{"username", valid_utf8(session.auth->username)},
            {"mechanism", session.auth->mechanism}};
  }
  return {{"ip", session.client_ip.to_string()},
          {"helo", valid_utf8(session.helo)},
          {"rdns", nullptr},
          {"esmtp", session.esmtp},
          {"tls", std::move(tls)},
          {"auth", std::move(auth)}};
}

json::value policy_object(const policy::Evidence& evidence) {
  const policy::Recipient* subject = evidence.subject();
  if (subject == nullptr || subject->route.policy == nullptr) return nullptr;
  const policy::WebhookPolicy& policy = *subject->route.policy;
  return {{"id", policy.id}, {"name", policy.name}, {"version", policy.version}};
}

PayloadOptions options_for(const policy::Webhook& webhook, PayloadOptions defaults) {
  defaults.attachments = webhook.attachments;
  defaults.include_raw = webhook.include_raw;
  // Links must live as long as the stored message: in the inbox, or in the queue including the time
  // of a dead letter.
  const std::chrono::hours day(24);
  if (webhook.target_url == "inbox") {
    defaults.link_life = std::max(defaults.link_life, (webhook.inbox.keep_days + 1) * day);
  } else if (webhook.queued) {
    defaults.link_life = std::max(defaults.link_life, 30 * day);
  }
  return defaults;
}

}  // namespace postern::deliver
