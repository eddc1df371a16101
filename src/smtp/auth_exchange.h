// The SASL exchanges PLAIN (RFC 4616) and LOGIN (draft-murchison-sasl-login) inside AUTH (RFC
// 4954).
#pragma once

#include <string>
#include <string_view>
#include <variant>

#include "smtp/reply.h"
#include "smtp/server_session.h"

namespace postern::smtp {

/// Goes out as `334 text`.
struct ChallengeView {
  std::string_view text;  ///< static
};

/// One exchange. Each call gives the next challenge, the complete credentials, or the reply that
/// ends the exchange.
class AuthExchange {
 public:
  using Step = std::variant<ChallengeView, Auth, Reply>;

  /// `argument` is what stands behind AUTH: mechanism and, perhaps, an initial response.
  Step start(std::string_view argument);
  /// A line of the client, without CRLF.
  Step respond(std::string_view line);
  void clear();

 private:
  enum class State : std::uint8_t { idle, plain, login_name, login_password };

  Step take(std::string_view base64);
  Step take_plain(const Secret& message);

  State state_ = State::idle;
  std::string authn_id_;
};

}  // namespace postern::smtp
