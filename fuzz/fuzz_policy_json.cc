// Policy and webhook bodies: an accepted body reads back unchanged, a refusal names a field, no
// message repeats a secret, and no accepted target names an address that the guard refuses.
#include <boost/json.hpp>

#include "base/address_guard.h"
#include "base/text.h"
#include "dialect/webhook/compile.h"
#include "dialect/webhook/webhook_fields.h"
#include "invariant.h"

namespace {

using namespace postern;
using namespace postern::dialect::webhook;
using fuzz::must;
namespace json = boost::json;

/// The secrets in smtp_credentials: texts after a colon, in password and in password_hash.
std::vector<std::string> secrets_of(const json::object& body) {
  std::vector<std::string> secrets;
  // The fuzzer also learns our messages and makes passwords of their words.
  std::string names = "smtp_credentials password_hash";
  const json::value* given = body.if_contains("smtp_credentials");
  if (given == nullptr || !given->is_array()) return secrets;
  for (const json::value& element : given->get_array()) {
    if (element.is_string()) {
      const std::string_view text = element.get_string();
      const std::size_t colon = std::min(text.find(':'), text.size());
      names += text.substr(0, colon);
      secrets.emplace_back(text.substr(std::min(colon + 1, text.size())));
    } else if (element.is_object()) {
      for (const auto& [key, value] : element.get_object()) {
        if (!value.is_string() || (key != "password" && key != "password_hash")) {
          names += key;
          if (value.is_string()) names += value.get_string();
        } else {
          secrets.emplace_back(value.get_string());
        }
      }
    }
  }
  std::erase_if(secrets, [&](const std::string& secret) {
    return secret.size() < 12 || secret.ends_with("...") ||
           secret.find_first_of(" `") != std::string::npos ||
           names.find(secret) != std::string::npos;
  });
  return secrets;
}

void check_errors(const FieldErrors& errors, const std::vector<std::string>& secrets) {
  must(!errors.fields.empty(), "a refusal names a field");
  for (const auto& [name, sentence] : errors.fields) {
    must(!sentence.empty() && sentence.size() < 2048, "a refusal has a sentence of bounded length");
    for (const std::string& secret : secrets) {
      must(name != "smtp_credentials" || sentence.find(secret) == std::string::npos,
           "no sentence repeats a credential");
    }
  }
}

void check_policy(const json::object& body) {
  const Parsed<PolicyWrite> write = parse_policy(body, nullptr);
  if (!write) return check_errors(write.error(), secrets_of(body));
  const PolicyFields& fields = write->fields;
  must(!fields.name.empty(), "a policy has a name");
  must(fields.require_spf || fields.allowed_spf_domains.empty(), "a list has its switch");
  must(fields.require_dkim || fields.allowed_dkim_domains.empty(), "a list has its switch");
  must(!fields.require_smtp_auth || !fields.smtp_credentials.empty(), "somebody can log in");
  const json::object shown = to_json(fields);
  must(!shown.contains("smtp_credentials"), "no hash is shown");
  const Parsed<PolicyWrite> again = parse_policy(shown, &fields);
  must(again.has_value(), "what is shown is accepted");
  must(again->changed.empty(), "what is shown changes nothing");
  const auto compiled = compile("pol_x", "acc_x", 1, 1, fields);
  const Result<PolicyFields> read = fields_of(compiled->definition);
  must(read.has_value(), "a definition reads back");
  must(read->allowed_source_ips == fields.allowed_source_ips, "with the same networks");
  must(read->allowed_spf_domains == fields.allowed_spf_domains, "and the same domains");
}

void check_webhook(const json::object& body) {
  const WebhookRules rules{
      .target = {.allow_http = true},
      .has_queue = true,
      .public_domain = "hooks.example.net",
      .owns_domain = [](std::string_view domain) { return domain == "mail.example.com"; },
      .has_policy = [](std::string_view) { return true; },
      .template_error = [](std::string_view) { return std::optional<std::string>(); }};
  const Parsed<WebhookWrite> write = parse_webhook(body, nullptr, rules);
  if (!write) return check_errors(write.error(), {});
  const WebhookFields& fields = write->fields;
  must(fields.target_url == inbox_target || istarts_with(fields.target_url, "http"), "a scheme");
  must(is_ascii(fields.target_url), "an ASCII target");
  const std::size_t host = fields.target_url.find("//") + 2;
  const std::string_view rest = std::string_view(fields.target_url).substr(host);
  if (const auto address = IpAddress::parse(rest.substr(0, rest.find_first_of(":/?")))) {
    must(!refused(*address, CidrSet()), "a public address");
  }
  for (const auto& [name, value] : fields.custom_headers) {
    must(value.find_first_of(std::string_view("\r\n\0", 3)) == std::string::npos, "one line");
    must(!istarts_with(name, "webhook-"), "a name that is free");
  }
  const Parsed<WebhookWrite> again = parse_webhook(to_json(fields), &fields, rules);
  must(again.has_value(), "what is shown is accepted");
  must(again->changed.empty(), "what is shown changes nothing");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const bool policy = data[0] == 'p';
  boost::system::error_code bad;
  const json::value value = json::parse({reinterpret_cast<const char*>(data) + 1, size - 1}, bad);
  if (bad || !value.is_object()) return 0;
  policy ? check_policy(value.get_object()) : check_webhook(value.get_object());
  return 0;
}
