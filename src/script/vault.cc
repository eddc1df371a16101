#include "script/vault.h"

#include <boost/json.hpp>

#include <fmt/format.h>

#include "base/text.h"

namespace postern::script {

namespace json = boost::json;

namespace {

/// RFC 3986 §2.3: unreserved characters, which need no percent-encoding.
bool unreserved(char c) { return is_alnum(c) || c == '-' || c == '.' || c == '_' || c == '~'; }

void append_segment(std::string& out, std::string_view segment) {
  for (const char c : segment) {
    if (unreserved(c)) {
      out += c;
    } else {
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
}

std::string_view without_slashes(std::string_view text) {
  while (!text.empty() && text.front() == '/') text.remove_prefix(1);
  while (!text.empty() && text.back() == '/') text.remove_suffix(1);
  return text;
}

using Answer = Result<std::optional<Secret>>;

/// `{"data": {"data": {"key": "…"}, "metadata": {…}}}`
Answer field_of(const std::string& body, const std::string& key) {
  boost::system::error_code error;
  const json::value whole = json::parse(body, error);
  if (error) return fail(Fault::temporary, "Vault's answer is not JSON");
  const json::object* const outer = whole.if_object();
  const json::value* const data = outer != nullptr ? outer->if_contains("data") : nullptr;
  if (data == nullptr || !data->is_object())
    return fail(Fault::temporary, "Vault's answer is not that of a key-value engine version 2");
  const json::value* const secret = data->get_object().if_contains("data");
  if (secret == nullptr)
    return fail(Fault::temporary, "Vault's answer is not that of a key-value engine version 2");
  if (secret->is_null()) return std::optional<Secret>();  // the newest version is deleted
  if (!secret->is_object()) return fail(Fault::temporary, "Vault's secret is not an object");
  const json::value* const field = secret->get_object().if_contains(key);
  if (field == nullptr) return std::optional<Secret>();
  if (!field->is_string())
    return fail(Fault::temporary, "the field of Vault's secret is no string");
  return std::optional<Secret>(Secret(std::string(field->get_string())));
}

}  // namespace

std::optional<std::string> vault_path(std::string_view path) {
  std::string out;
  for (const std::string_view segment : split(path, '/')) {
    if (segment.empty() || segment == "." || segment == "..") return std::nullopt;
    if (!out.empty()) out += '/';
    append_segment(out, segment);
  }
  return out;
}

Task<Answer> read_vault(World& world, VaultQuestion question, Clock::time_point deadline) {
  const std::optional<std::string> mount = vault_path(without_slashes(question.mount));
  const std::optional<std::string> path = vault_path(question.path);
  if (!mount) co_return fail(Fault::permanent, "Vault: vault_mount is no name of a mount");
  if (!path) co_return std::optional<Secret>();
  std::string_view address = question.address;
  while (!address.empty() && address.back() == '/') address.remove_suffix(1);
  HttpQuestion request{.method = "GET",
                       .url = fmt::format("{}/v1/{}/data/{}", address, *mount, *path),
                       .headers = {{"X-Vault-Token", question.token.reveal()}},
                       .body = {}};
  const Result<HttpAnswer> answer = co_await world.http(std::move(request), deadline);
  if (!answer) co_return fail(Fault::temporary, "Vault: " + answer.error().message);
  if (answer->status == 404) co_return std::optional<Secret>();
  if (answer->status != 200)
    co_return fail(Fault::temporary, fmt::format("Vault answers {}", answer->status));
  co_return field_of(answer->body, question.key);
}

}  // namespace postern::script
