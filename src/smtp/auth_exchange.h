// The server side of SASL exchanges in AUTH (RFC 4954 §4): PLAIN (RFC 4616 §2), LOGIN
// (draft-murchison-sasl-login), SCRAM-SHA-256 with and without channel binding (RFC 5802 §5,
// RFC 7677 §3), OAUTHBEARER (RFC 7628 §3).
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "smtp/protocol_error.h"
#include "smtp/reply.h"
#include "smtp/scram.h"
#include "smtp/server_session.h"

namespace postern::smtp {

/// Sent as `334 text`.
struct Challenge {
  std::string text;  ///< base64
};

/// The reply that ends an exchange without credentials.
struct Refusal {
  /// Sent to the client.
  Reply reply;
  bool counts = false;  ///< counts as a failed authentication of the session
  /// What the client did against the protocol; nullopt: nothing.
  std::optional<ProtocolError> violation = {};
};

/// One exchange. Each step gives the next challenge, the user name whose SCRAM keys are needed, the
/// complete credentials, or the reply that ends the exchange. For one thread at a time.
class AuthExchange {
 public:
  /// The result of one step.
  using Step = std::variant<Challenge, ScramName, Auth, Refusal>;
  /// What the server offers.
  struct Offer {
    std::string_view mechanisms;                ///< names separated by blanks
    const ChannelBindings* bindings = nullptr;  ///< null: no channel binding
  };

  /// The reply to an AUTH command whose mechanism is missing or not in `mechanisms`; nullopt: it is
  /// offered.
  static std::optional<Reply> unfit(std::string_view argument, std::string_view mechanisms);
  /// Begins an exchange. `argument` is the text after AUTH: the mechanism and optionally an initial
  /// response. `offer.bindings` must outlive the exchange.
  Step start(std::string_view argument, const Offer& offer);
  /// Takes a line of the client, without CRLF.
  Step respond(std::string_view line);
  /// Answers ScramName. `nonce` is as for ScramExchange::challenge().
  Challenge challenge(const ScramKeys& keys, std::string_view nonce);
  /// The token is invalid: sends the JSON error; the client's next line gets `reply`
  /// (RFC 7628 §3.2.2).
  Challenge refuse_bearer(const Reply& reply);
  /// Wipes the exchange; it is idle again.
  void clear();

 private:
  enum class State : std::uint8_t {
    idle,
    plain,
    login_name,
    login_password,
    scram_first,
    scram_final,
    scram_over,  ///< the proof was correct and the server's is sent; the client sends an empty line
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

/// Whether a list of words separated by blanks contains `name`, ignoring case.
bool has_mechanism(std::string_view words, std::string_view name);

}  // namespace postern::smtp
