// Sources that are reached by HTTP: HashiCorp Vault and token introspection (RFC 7662 §2).
#include <chrono>

#include <fmt/format.h>
#include <boost/json.hpp>

#include "base/text.h"
#include "dialect/restrictions/table_query.h"
#include "gateway/auth_source_verifier.h"
#include "policy/evidence.h"
#include "script/vault.h"

namespace postern::gateway {
namespace {

namespace json = boost::json;
namespace tables = dialect::restrictions;
using policy::AuthAnswer;
using policy::PlainText;
using policy::StoredPassword;
using Said = AuthAnswer::Kind;

class VaultVerifier final : public TableVerifier {
 public:
  VaultVerifier(const AuthSource& source, AuthWorkers workers, Secret token)
      : TableVerifier(source, workers), world_(workers.world), token_(std::move(token)) {}

 protected:
  Task<Stored> stored(std::string name, net::Turn) const override {
    // A name with a slash would select another path.
    if (name.find('/') != std::string::npos) co_return std::optional<StoredPassword>();
    const tables::KeyParts parts(name);
    std::optional<std::string> path = tables::expand(source_.path, parts, parts, tables::unquoted);
    if (!path) co_return std::optional<StoredPassword>();
    script::VaultQuestion question{.address = source_.address,
                                   .token = token_,
                                   .mount = source_.mount,
                                   .path = std::move(*path),
                                   .key = source_.key};
    const auto secret = co_await script::read_vault(world_, std::move(question), deadline());
    if (!secret) co_return tl::unexpected<Error>(secret.error());
    if (!*secret) co_return std::optional<StoredPassword>();
    Result<StoredPassword> parsed = StoredPassword::parse((*secret)->reveal(), PlainText::assumed);
    if (!parsed) co_return tl::unexpected<Error>(parsed.error());
    co_return std::optional(std::move(*parsed));
  }

 private:
  script::World& world_;
  const Secret token_;
};

/// Percent-encodes as application/x-www-form-urlencoded.
std::string form_encoded(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (is_alnum(c) || c == '-' || c == '.' || c == '_' || c == '~') {
      out += c;
    } else {
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return out;
}

std::string_view text_of(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(key);
  const json::string* text = value != nullptr ? value->if_string() : nullptr;
  return text != nullptr ? std::string_view(*text) : std::string_view();
}

class IntrospectionVerifier final : public SourceVerifier {
 public:
  IntrospectionVerifier(const AuthSource& source, AuthWorkers workers, Secret client_secret)
      : SourceVerifier(source), world_(workers.world), client_secret_(std::move(client_secret)) {}
  bool serves(std::string_view mechanism) const override { return mechanism == "OAUTHBEARER"; }

 protected:
  Task<AuthAnswer> ask(const policy::AuthAttempt& attempt, const policy::Evidence&) const override {
    script::HttpQuestion question{.method = "POST",
                                  .url = source_.address,
                                  .headers = {{"Content-Type", "application/x-www-form-urlencoded"},
                                              {"Accept", "application/json"}},
                                  .body = "token=" + form_encoded(attempt.password.reveal()) +
                                          "&token_type_hint=access_token"};
    if (!source_.client_id.empty()) {
      // RFC 6749 §2.3.1: both parts are form-encoded first.
      const std::string both =
          form_encoded(source_.client_id) + ":" + form_encoded(client_secret_.reveal());
      question.headers.emplace_back("Authorization", "Basic " + base64_encode(both));
    }
    const Result<script::HttpAnswer> answer = co_await world_.http(std::move(question), deadline());
    if (!answer) co_return unavailable(answer.error().message);
    if (answer->status != 200)
      co_return unavailable(fmt::format("the introspection endpoint answers {}", answer->status));
    boost::system::error_code error;
    const json::value said = json::parse(answer->body, error);
    if (error || !said.is_object()) co_return unavailable("the answer is not a JSON object");
    co_return judge(said.get_object());
  }

 private:
  static AuthAnswer unavailable(std::string detail) {
    return {.kind = Said::unavailable, .detail = std::move(detail)};
  }

  /// RFC 7662 §2.2.
  AuthAnswer judge(const json::object& said) const {
    const json::value* active = said.if_contains("active");
    if (active == nullptr || !active->is_bool()) return unavailable("the answer has no `active`");
    if (!active->get_bool()) return {.detail = "the token is not active"};
    const std::string_view user = text_of(said, source_.claim);
    if (user.empty() || !smtp::fit_identity(user))
      return {.kind = Said::refused, .detail = "the token has no " + source_.claim};
    const auto now = std::chrono::duration_cast<std::chrono::seconds>(
                         std::chrono::system_clock::now().time_since_epoch())
                         .count();
    if (const json::value* end = said.if_contains("exp")) {
      if (!end->is_number() || end->to_number<double>() <= static_cast<double>(now))
        return {.kind = Said::refused, .detail = "the token has expired"};
    }
    if (const json::value* start = said.if_contains("nbf")) {
      if (!start->is_number() || start->to_number<double>() > static_cast<double>(now))
        return {.kind = Said::refused, .detail = "the token is not valid yet"};
    }
    if (!source_.audience.empty() && !is_for(said.if_contains("aud"), source_.audience))
      return {.kind = Said::refused, .detail = "the token is for others than " + source_.audience};
    if (!source_.scope.empty() && !has_scope(text_of(said, "scope")))
      return {.kind = Said::refused, .detail = "the token is not for " + source_.scope};
    AuthAnswer answer{.kind = Said::accepted};
    answer.identity.username = std::string(user);
    return answer;
  }
  /// RFC 7519 §4.1.3: `aud` is a string or an array of strings.
  static bool is_for(const json::value* audience, std::string_view us) {
    if (audience == nullptr) return false;
    if (audience->is_string()) return audience->get_string() == us;
    if (!audience->is_array()) return false;
    for (const json::value& one : audience->get_array())
      if (one.is_string() && one.get_string() == us) return true;
    return false;
  }
  bool has_scope(std::string_view scopes) const {
    for (const std::string_view one : split(scopes, ' '))
      if (one == source_.scope) return true;
    return false;
  }

  script::World& world_;
  const Secret client_secret_;
};

}  // namespace

OpenedSource open_vault(const AuthSource& source, AuthWorkers workers) {
  Result<Secret> token = secret_in(source.token);
  if (!token) return tl::unexpected<Error>(token.error());
  return std::make_shared<const VaultVerifier>(source, workers, std::move(*token));
}

OpenedSource open_introspection(const AuthSource& source, AuthWorkers workers) {
  Result<Secret> secret = Secret();
  if (!source.client_secret.empty()) secret = secret_in(source.client_secret);
  if (!secret) return tl::unexpected<Error>(secret.error());
  return std::make_shared<const IntrospectionVerifier>(source, workers, std::move(*secret));
}

}  // namespace postern::gateway
