// Question: what is a client told when a decision cannot be made?
#pragma once

#include <cstdint>

#include "policy/verdict.h"

namespace postern::policy::questions {

using policy::Trouble;

/// The class of the reply: always a refusal for now, never for good (RFC 5321 §4.2.1, 4yz).
enum class TroubleReply : std::uint8_t {
  later,       ///< 451
  no_room,     ///< 452
  no_service,  ///< 421: at connect there is no command to repeat
  no_login,    ///< 454 (RFC 4954 §6)
};

TroubleReply trouble_reply(Stage stage, Trouble trouble);

}  // namespace postern::policy::questions
