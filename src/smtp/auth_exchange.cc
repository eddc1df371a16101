#include "smtp/auth_exchange.h"

#include <algorithm>
#include <optional>

#include "base/text.h"

namespace postern::smtp {
namespace {

constexpr std::string_view ask_name = "VXNlcm5hbWU6";      // "Username:"
constexpr std::string_view ask_password = "UGFzc3dvcmQ6";  // "Password:"

Refusal malformed() {
  return {{501, {5, 5, 2}, "malformed authentication data"}, true, ProtocolError::syntax};
}
Refusal wrong() { return {{535, {5, 7, 8}, "authentication failed"}, true}; }

std::string_view mechanism_of(std::string_view argument) {
  return argument.substr(0, argument.find(' '));
}

/// RFC 4422 §3.1: 1 to 20 letters, digits, hyphens and underscores; any case is accepted.
bool is_mechanism(std::string_view name) {
  return !name.empty() && name.size() <= 20 && std::all_of(name.begin(), name.end(), [](char c) {
    return is_alnum(c) || c == '-' || c == '_';
  });
}

Refusal refusal_of(ScramExchange::Fault fault) {
  return fault == ScramExchange::Fault::malformed ? malformed() : wrong();
}

}  // namespace

bool has_mechanism(std::string_view words, std::string_view name) {
  const std::vector<std::string_view> all = split(words, ' ');
  return !name.empty() && std::any_of(all.begin(), all.end(), [name](std::string_view word) {
    return iequals(word, name);
  });
}

std::optional<Reply> AuthExchange::unfit(std::string_view argument, std::string_view mechanisms) {
  const std::string_view mechanism = mechanism_of(argument);
  if (!is_mechanism(mechanism))
    return Reply{501, {5, 5, 4}, "syntax: AUTH mechanism [initial-response]"};
  if (has_mechanism(mechanisms, mechanism)) return std::nullopt;
  return Reply{504, {5, 5, 4}, "mechanism not offered"};  // RFC 4954 §4
}

AuthExchange::Step AuthExchange::start(std::string_view argument, const Offer& offer) {
  clear();
  if (auto refusal = unfit(argument, offer.mechanisms)) {
    const auto violation =
        refusal->code == 501 ? std::optional(ProtocolError::syntax) : std::nullopt;
    return Refusal{std::move(*refusal), false, violation};
  }
  const std::string mechanism = upper(mechanism_of(argument));
  const std::string_view initial = trim(argument.substr(mechanism.size()));
  if (mechanism == "PLAIN") {
    state_ = State::plain;
  } else if (mechanism == "LOGIN") {
    state_ = State::login_name;
    if (initial.empty()) return Challenge{std::string(ask_name)};
  } else if (mechanism == "OAUTHBEARER") {
    state_ = State::bearer;
  } else {
    const bool plus = mechanism == "SCRAM-SHA-256-PLUS";
    const bool plus_offered = has_mechanism(offer.mechanisms, "SCRAM-SHA-256-PLUS");
    state_ = State::scram_first;
    scram_ = std::make_unique<Scram>(
        Scram{.exchange = {plus, plus_offered, offer.bindings}, .name = {}, .plus = plus});
  }
  if (initial.empty()) return Challenge{};
  // RFC 4954 §4: "=" is an empty initial response.
  return initial == "=" ? take({}) : respond(initial);
}

AuthExchange::Step AuthExchange::respond(std::string_view line) {
  if (state_ == State::bearer_refused) {  // RFC 7628 §3.2.3: the content does not matter
    const Refusal refusal{std::move(*refused_)};
    clear();
    return refusal;
  }
  if (line == "*") {  // RFC 4954 §4
    clear();
    return Refusal{{501, {5, 7, 0}, "authentication cancelled"}};
  }
  return take(line);
}

AuthExchange::Step AuthExchange::take(std::string_view base64) {
  std::optional<std::string> decoded = base64_decode(base64);
  if (!decoded) {
    clear();
    return Refusal{{501, {5, 5, 2}, "not base64"}, true, ProtocolError::base64};
  }
  Secret message(std::move(*decoded));
  switch (state_) {
    case State::login_name:
      if (message.empty() || !fit_identity(message.reveal())) break;
      authn_id_ = message.reveal();
      state_ = State::login_password;
      return Challenge{std::string(ask_password)};
    case State::login_password: {
      // The same rules as for PLAIN (RFC 4616 §2), so that verifiers need not know the mechanism.
      if (!is_utf8(message.reveal()) || message.reveal().find('\0') != std::string::npos) break;
      Auth auth{"LOGIN", {}, std::move(authn_id_), std::move(message)};
      clear();
      return auth;
    }
    case State::plain:
      clear();
      return take_plain(message);
    case State::scram_first:
      return take_scram_first(message.reveal());
    case State::scram_final:
      return take_scram_final(message.reveal());
    case State::scram_over:
      if (!message.empty()) break;
      return proven(Proof::right);
    case State::bearer:
      clear();
      return take_bearer(message);
    case State::idle:
    case State::bearer_refused:
      break;
  }
  clear();
  return malformed();
}

/// RFC 4616 §2: [authzid] NUL authcid NUL passwd.
AuthExchange::Step AuthExchange::take_plain(const Secret& message) {
  const std::string& text = message.reveal();
  const std::size_t first = text.find('\0');
  const std::size_t second = first == std::string::npos ? first : text.find('\0', first + 1);
  if (second == std::string::npos || text.find('\0', second + 1) != std::string::npos) {
    return malformed();
  }
  Auth auth{"PLAIN", text.substr(0, first), text.substr(first + 1, second - first - 1),
            Secret(text.substr(second + 1))};
  if (auth.authn_id.empty() || !fit_identity(auth.authz_id) || !fit_identity(auth.authn_id) ||
      !is_utf8(auth.password.reveal())) {
    return malformed();
  }
  return auth;
}

AuthExchange::Step AuthExchange::take_scram_first(const std::string& message) {
  auto first = scram_->exchange.first(message);
  if (const auto* fault = std::get_if<ScramExchange::Fault>(&first)) {
    clear();
    return refusal_of(*fault);
  }
  scram_->name = std::get<ScramExchange::Name>(std::move(first));
  return ScramName{scram_->name.authz_id, scram_->name.authn_id};
}

Challenge AuthExchange::challenge(const ScramKeys& keys, std::string_view nonce) {
  state_ = State::scram_final;
  return {base64_encode(scram_->exchange.challenge(keys, nonce))};
}

AuthExchange::Step AuthExchange::take_scram_final(const std::string& message) {
  auto final = scram_->exchange.finish(message);
  if (const auto* fault = std::get_if<ScramExchange::Fault>(&final)) {
    // The driver hears about a wrong binding, as it does about a wrong password: it may be an
    // attack.
    if (*fault == ScramExchange::Fault::binding) return proven(Proof::wrong);
    clear();
    return malformed();
  }
  const auto& proof = std::get<std::optional<std::string>>(final);
  if (!proof) return proven(Proof::wrong);
  // RFC 4954 §4: the server's final message is sent as a challenge before the 235.
  state_ = State::scram_over;
  return Challenge{base64_encode(*proof)};
}

Auth AuthExchange::proven(Proof proof) {
  Auth auth{.mechanism = scram_->plus ? "SCRAM-SHA-256-PLUS" : "SCRAM-SHA-256",
            .authz_id = std::move(scram_->name.authz_id),
            .authn_id = std::move(scram_->name.authn_id),
            .password = {},
            .proof = proof};
  clear();
  return auth;
}

/// RFC 7628 §3.1: gs2-header ^A *(key "=" value ^A) ^A; the token follows `auth=Bearer `.
AuthExchange::Step AuthExchange::take_bearer(const Secret& message) {
  const std::string_view text = message.reveal();
  std::optional<Gs2Header> header = parse_gs2(text);
  if (!header || header->flag.starts_with("p=")) return malformed();
  const std::string_view rest = text.substr(header->size);
  if (rest.size() < 2 || rest.front() != '\1' || !rest.ends_with("\1\1")) return malformed();
  std::string_view token;
  for (const std::string_view pair : split(rest.substr(1, rest.size() - 3), '\1')) {
    constexpr std::string_view scheme = "auth=Bearer ";
    if (istarts_with(pair, scheme)) token = trim(pair.substr(scheme.size()));
  }
  const bool fit =
      !token.empty() && std::all_of(token.begin(), token.end(), [](char c) {  // RFC 6750 §2.1
        return is_alnum(c) || std::string_view("-._~+/=").find(c) != std::string_view::npos;
      });
  if (!fit) return malformed();
  return Auth{"OAUTHBEARER", header->authz_id, header->authz_id, Secret(std::string(token))};
}

Challenge AuthExchange::refuse_bearer(const Reply& reply) {
  clear();
  state_ = State::bearer_refused;
  refused_ = std::make_unique<Reply>(reply);
  return {base64_encode(R"({"status":"invalid_token","schemes":"bearer"})")};
}

void AuthExchange::clear() {
  state_ = State::idle;
  authn_id_.clear();
  scram_.reset();
  refused_.reset();
}

}  // namespace postern::smtp
