#include "smtp/auth_exchange.h"

#include <algorithm>
#include <optional>

#include "base/text.h"

namespace postern::smtp {
namespace {

constexpr std::string_view ask_name = "VXNlcm5hbWU6";      // "Username:"
constexpr std::string_view ask_password = "UGFzc3dvcmQ6";  // "Password:"

Reply malformed() { return {501, {5, 5, 2}, "malformed authentication data"}; }

/// RFC 4616 §2: identities are UTF-8 without NUL. Other control characters are nobody's name.
bool fit_identity(std::string_view name) {
  return is_utf8(name) && std::none_of(name.begin(), name.end(), [](char c) {
           return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
         });
}

}  // namespace

AuthExchange::Step AuthExchange::start(std::string_view argument) {
  clear();
  const std::size_t end = std::min(argument.find(' '), argument.size());
  const std::string_view mechanism = argument.substr(0, end);
  const std::string_view initial = trim(argument.substr(end));
  if (mechanism.empty()) return Reply{501, {5, 5, 4}, "syntax: AUTH mechanism [initial-response]"};
  if (iequals(mechanism, "PLAIN")) {
    state_ = State::plain;
    if (initial.empty()) return ChallengeView{};
  } else if (iequals(mechanism, "LOGIN")) {
    state_ = State::login_name;
    if (initial.empty()) return ChallengeView{ask_name};
  } else {
    return Reply{504, {5, 5, 4}, "mechanism not offered"};  // RFC 4954 §4
  }
  // RFC 4954 §4: "=" is an initial response of no octets.
  return take(initial == "=" ? std::string_view{} : initial);
}

AuthExchange::Step AuthExchange::respond(std::string_view line) {
  if (line == "*") {  // RFC 4954 §4
    clear();
    return Reply{501, {5, 7, 0}, "authentication cancelled"};
  }
  return take(line);
}

AuthExchange::Step AuthExchange::take(std::string_view base64) {
  std::optional<std::string> decoded = base64_decode(base64);
  if (!decoded) {
    clear();
    return Reply{501, {5, 5, 2}, "not base64"};
  }
  Secret message(std::move(*decoded));
  if (state_ == State::login_name) {
    if (message.empty() || !fit_identity(message.reveal())) {
      clear();
      return malformed();
    }
    authn_id_ = message.reveal();
    state_ = State::login_password;
    return ChallengeView{ask_password};
  }
  if (state_ == State::login_password) {
    Auth auth{"LOGIN", {}, std::move(authn_id_), std::move(message)};
    clear();
    return auth;
  }
  clear();
  return take_plain(message);
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
  if (auth.authn_id.empty() || !fit_identity(auth.authz_id) || !fit_identity(auth.authn_id)) {
    return malformed();
  }
  return auth;
}

void AuthExchange::clear() {
  state_ = State::idle;
  authn_id_.clear();
}

}  // namespace postern::smtp
