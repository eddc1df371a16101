// The SASL exchanges inside AUTH (RFC 4954): PLAIN (RFC 4616), LOGIN (draft-murchison-sasl-login),
// SCRAM-SHA-256 with and without channel binding (RFC 5802, RFC 7677), OAUTHBEARER (RFC 7628).
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "smtp/reply.h"
#include "smtp/scram.h"
#include "smtp/server_session.h"

namespace postern::smtp {

/// Goes out as `334 text`; the text is in base64 already.
struct Challenge {
  std::string text;
};

/// The reply that ends an exchange.
struct Refusal {
  Reply reply;
  bool counts = false;  ///< among the session's failed attempts
};

/// One exchange. Each call gives the next challenge, the name whose SCRAM keys are wanted, the
/// complete credentials, or the reply that ends the exchange.
class AuthExchange {
 public:
  using Step = std::variant<Challenge, ScramName, Auth, Refusal>;
  /// What the client was offered.
  struct Offer {
    std::string_view mechanisms;  ///< words between blanks
    const ChannelBindings* bindings = nullptr;
  };

  /// What is wrong with the first word behind AUTH: it is missing, or no mechanism of these.
  static std::optional<Reply> unfit(std::string_view argument, std::string_view mechanisms);
  /// `argument` is what stands behind AUTH: mechanism and, perhaps, an initial response. What
  /// `offer.bindings` refers to outlives the exchange.
  Step start(std::string_view argument, const Offer& offer);
  /// A line of the client, without CRLF.
  Step respond(std::string_view line);
  /// Answers ScramName.
  Challenge challenge(const ScramKeys& keys, std::string_view nonce);
  /// The token was refused: the client is told so in JSON, and hears `reply` when it has answered
  /// (RFC 7628 §3.2.2).
  Challenge refuse_bearer(const Reply& reply);
  void clear();

 private:
  enum class State : std::uint8_t {
    idle,
    plain,
    login_name,
    login_password,
    scram_first,
    scram_final,
    scram_over,  ///< the proof was right; the client has the server's, and says nothing
    bearer,
    bearer_refused,
  };

  Step take(std::string_view base64);
  Step take_plain(const Secret& message);
  Step take_scram_first(const std::string& message);
  Step take_scram_final(const std::string& message);
  Step take_bearer(const Secret& message);
  Auth proven(Proof proof);

  struct Scram {
    ScramExchange exchange;
    ScramExchange::Name name;
    bool plus = false;
  };

  State state_ = State::idle;
  std::string authn_id_;
  std::unique_ptr<Scram> scram_;
  std::unique_ptr<Reply> refused_;
};

/// Whether a list of words between blanks has this one, whatever its case.
bool has_mechanism(std::string_view words, std::string_view name);

}  // namespace postern::smtp
