#include "dialect/webhook/webhook_fields.h"

#include <array>

#include <fmt/core.h>
#include <boost/json.hpp>

#include "base/text.h"
#include "base/ulid.h"
#include "dialect/webhook/body_reader.h"
#include "dialect/webhook/custom_headers.h"
#include "mail/address.h"

namespace postern::dialect::webhook {

namespace json = boost::json;

namespace {

constexpr std::array<std::string_view, 16> writable_webhook_fields = {"name",
                                                                      "target_url",
                                                                      "email_address",
                                                                      "is_active",
                                                                      "smtp_security_policy_id",
                                                                      "clear_security_policy",
                                                                      "custom_headers",
                                                                      "payload_template",
                                                                      "rate_limit_per_minute",
                                                                      "delivery_mode",
                                                                      "attachments",
                                                                      "include_raw",
                                                                      "timeout_ms",
                                                                      "inbox_max_messages",
                                                                      "inbox_max_octets",
                                                                      "inbox_keep_days"};
constexpr std::array<std::string_view, 12> read_only_webhook_fields = {"id",
                                                                       "account_id",
                                                                       "secret",
                                                                       "previous_secret_expires_at",
                                                                       "signing_public_key",
                                                                       "version",
                                                                       "created_at",
                                                                       "updated_at",
                                                                       "policy_name",
                                                                       "counts_24h",
                                                                       "last_delivery",
                                                                       "plan"};
constexpr std::array<std::string_view, 2> delivery_modes = {"sync", "queued"};
constexpr std::array<std::string_view, 3> attachment_words = {"inline", "link", "none"};
constexpr std::array<std::string_view, 3> raw_words = {"none", "inline", "link"};
constexpr std::size_t max_template = std::size_t{64} * 1024;
constexpr std::int64_t max_rate = 1'000'000;
constexpr std::int64_t least_timeout = 1000;
constexpr std::int64_t most_timeout = 60000;
constexpr std::int64_t most_inbox_messages = 1'000'000;
constexpr std::int64_t least_inbox_octets = std::int64_t{1} << 20;
constexpr std::int64_t most_inbox_octets = std::int64_t{1} << 40;
constexpr std::int64_t most_inbox_days = 3650;

void read_target(BodyReader& body, const WebhookFields* stored, const TargetRules& rules,
                 std::string& target) {
  if (body.find("target_url") == nullptr) {
    if (stored == nullptr) {
      body.missing("target_url", "is required: an https URL, or \"inbox\" to collect mail here");
    }
    return;
  }
  std::optional<std::string> given = body.text("target_url");
  if (given) given = with_ascii_host(*std::move(given));
  // A stored URL stays acceptable: stricter rules of the operator must not block other edits.
  if (!given || (stored != nullptr && *given == target)) return;
  if (std::optional<std::string> refusal = refuse_target(*given, rules)) {
    body.error("target_url", std::move(*refusal));
    return;
  }
  target = std::move(*given);
}

void read_address(BodyReader& body, const WebhookRules& rules, std::string& address) {
  constexpr std::string_view field = "email_address";
  const std::optional<std::string> given = body.text(field);
  if (!given || *given == address) return;
  const Result<mail::Mailbox> mailbox = mail::parse_mailbox(*given, mail::Utf8::refused);
  if (!mailbox) {
    body.error(field, fmt::format("`{}` is not a mail address: {}", printable(*given, 64),
                                  mailbox.error().message));
    return;
  }
  const std::string normal = lower(mailbox->text());
  if (normal == address) return;
  if (mailbox->local_part.front() == '"') {
    body.error(field, "must not have a quoted local part");
  } else if (mailbox->is_literal()) {
    body.error(field, "must have a domain, not an address literal");
  } else if (iequals(mailbox->domain, rules.public_domain)) {
    body.error(field, fmt::format("addresses at {} are assigned; leave the field out to get one",
                                  rules.public_domain));
  } else if (!rules.owns_domain || !rules.owns_domain(mailbox->domain)) {
    body.error(field, fmt::format("`{}` is not a verified domain of this account; claim it with "
                                  "POST /domains and verify it first",
                                  mailbox->domain));
  } else {
    address = normal;
  }
}

std::string unknown_policy(std::string_view id) {
  const std::string shown = printable(id, 64);
  if (id.ends_with("...") || id.ends_with("\xe2\x80\xa6")) {
    return fmt::format(
        "`{}` is an elision and not an id; put in its place the `id` that POST /smtp-policies "
        "returned",
        shown);
  }
  return fmt::format("there is no policy `{}`", shown);
}

void read_policy(BodyReader& body, const WebhookFields* stored, const WebhookRules& rules,
                 std::optional<std::string>& policy_id) {
  constexpr std::string_view field = "smtp_security_policy_id";
  const bool clear = body.boolean("clear_security_policy").value_or(false);
  const bool detached = stored != nullptr && !stored->policy_id;
  const json::value* value = body.find(field);
  if (value == nullptr) {
    if (clear) policy_id.reset();
    return;
  }
  if (value->is_null()) {
    // A serializer may write null for an unset field, which must not open a webhook. A stored
    // webhook without a policy shows null in GET, and that answer can be sent back.
    if (!detached) {
      body.error(field, "must not be null; send \"clear_security_policy\": true to detach");
    }
    return;
  }
  const std::optional<std::string> given = body.text(field);
  if (!given) return;
  if (clear) {
    body.error(field, "cannot be set together with clear_security_policy");
    return;
  }
  const bool shaped = given->starts_with("pol_") && is_ulid(std::string_view(*given).substr(4));
  if (!shaped || !rules.has_policy || !rules.has_policy(*given)) {
    body.error(field, unknown_policy(*given));
    return;
  }
  policy_id = *given;
}

void read_template(BodyReader& body, const WebhookRules& rules, std::string& text) {
  constexpr std::string_view field = "payload_template";
  std::optional<std::string> given = body.text(field);
  if (!given || *given == text) return;
  if (given->size() > max_template) {
    body.error(field, fmt::format("has {} octets, {} are allowed", given->size(), max_template));
    return;
  }
  if (!given->empty()) {
    if (!rules.template_error) {
      body.error(field, "payload templates are not available in this version yet");
      return;
    }
    if (std::optional<std::string> wrong = rules.template_error(*given)) {
      body.error(field, std::move(*wrong));
      return;
    }
  }
  text = std::move(*given);
}

void read_delivery(BodyReader& body, bool has_queue, WebhookFields& fields) {
  fields.delivery_mode =
      body.word("delivery_mode", delivery_modes).value_or(std::move(fields.delivery_mode));
  if (fields.delivery_mode == "queued" && !has_queue) {
    body.error("delivery_mode",
               "queued delivery is not available in this version yet, it comes with the spool; use "
               "\"sync\"");
  }
  fields.attachments =
      body.word("attachments", attachment_words).value_or(std::move(fields.attachments));
  fields.include_raw = body.word("include_raw", raw_words).value_or(std::move(fields.include_raw));
  fields.rate_limit_per_minute = static_cast<std::uint32_t>(
      body.integer("rate_limit_per_minute", 0, max_rate).value_or(fields.rate_limit_per_minute));
  fields.timeout_ms = static_cast<std::uint32_t>(
      body.integer("timeout_ms", least_timeout, most_timeout).value_or(fields.timeout_ms));
}

void read_inbox(BodyReader& body, policy::InboxLimits& inbox) {
  inbox.messages = static_cast<std::uint32_t>(
      body.integer("inbox_max_messages", 1, most_inbox_messages).value_or(inbox.messages));
  inbox.octets = static_cast<std::uint64_t>(
      body.integer("inbox_max_octets", least_inbox_octets, most_inbox_octets)
          .value_or(static_cast<std::int64_t>(inbox.octets)));
  inbox.keep_days = static_cast<std::uint32_t>(
      body.integer("inbox_keep_days", 1, most_inbox_days).value_or(inbox.keep_days));
}

std::vector<std::string> changes(const WebhookFields& before, const WebhookFields& after) {
  std::vector<std::string> changed;
  const auto note = [&](bool differs, const char* field) {
    if (differs) changed.emplace_back(field);
  };
  note(before.name != after.name, "name");
  note(before.target_url != after.target_url, "target_url");
  note(before.email_address != after.email_address, "email_address");
  note(before.is_active != after.is_active, "is_active");
  note(before.policy_id != after.policy_id, "smtp_security_policy_id");
  note(before.custom_headers != after.custom_headers, "custom_headers");
  note(before.payload_template != after.payload_template, "payload_template");
  note(before.rate_limit_per_minute != after.rate_limit_per_minute, "rate_limit_per_minute");
  note(before.delivery_mode != after.delivery_mode, "delivery_mode");
  note(before.attachments != after.attachments, "attachments");
  note(before.include_raw != after.include_raw, "include_raw");
  note(before.timeout_ms != after.timeout_ms, "timeout_ms");
  note(before.inbox.messages != after.inbox.messages, "inbox_max_messages");
  note(before.inbox.octets != after.inbox.octets, "inbox_max_octets");
  note(before.inbox.keep_days != after.inbox.keep_days, "inbox_keep_days");
  return changed;
}

}  // namespace

Parsed<WebhookWrite> parse_webhook(const json::object& object, const WebhookFields* stored,
                                   const WebhookRules& rules) {
  BodyReader body(object);
  WebhookWrite write;
  if (stored != nullptr) write.fields = *stored;
  WebhookFields& fields = write.fields;
  fields.name = body.title("name").value_or(std::move(fields.name));
  read_target(body, stored, rules.target, fields.target_url);
  read_address(body, rules, fields.email_address);
  fields.is_active = body.boolean("is_active").value_or(fields.is_active);
  read_policy(body, stored, rules, fields.policy_id);
  if (auto headers = read_custom_headers(body)) fields.custom_headers = std::move(*headers);
  read_template(body, rules, fields.payload_template);
  read_delivery(body, rules.has_queue, fields);
  read_inbox(body, fields.inbox);
  if (fields.payload_template.empty() && names_content_type(fields.custom_headers)) {
    body.error("custom_headers",
               "`Content-Type` is set by the server unless payload_template is set");
  }
  body.refuse_unknown(writable_webhook_fields, read_only_webhook_fields, "webhook");
  if (!body.errors().fields.empty()) return tl::unexpected(std::move(body.errors()));
  write.changed = changes(stored == nullptr ? WebhookFields() : *stored, fields);
  return write;
}

json::object to_json(const WebhookFields& fields) {
  json::object headers;
  for (const auto& [name, value] : fields.custom_headers) headers.emplace(name, value);
  return json::object{
      {"name", fields.name},
      {"email_address", fields.email_address},
      {"target_url", fields.target_url},
      {"is_active", fields.is_active},
      {"smtp_security_policy_id",
       fields.policy_id ? json::value(json::string(*fields.policy_id)) : json::value(nullptr)},
      {"custom_headers", std::move(headers)},
      {"payload_template", fields.payload_template},
      {"rate_limit_per_minute", fields.rate_limit_per_minute},
      {"delivery_mode", fields.delivery_mode},
      {"attachments", fields.attachments},
      {"include_raw", fields.include_raw},
      {"timeout_ms", fields.timeout_ms},
      {"inbox_max_messages", fields.inbox.messages},
      {"inbox_max_octets", fields.inbox.octets},
      {"inbox_keep_days", fields.inbox.keep_days},
  };
}

policy::AttachmentMode attachment_mode(std::string_view word) {
  if (word == "link") return policy::AttachmentMode::link;
  if (word == "none") return policy::AttachmentMode::none;
  return policy::AttachmentMode::inline_content;
}

policy::RawMode raw_mode(std::string_view word) {
  if (word == "link") return policy::RawMode::link;
  if (word == "inline") return policy::RawMode::inline_content;
  return policy::RawMode::none;
}

}  // namespace postern::dialect::webhook
