#include "policy/questions/trouble.h"

namespace postern::policy::questions {

TroubleReply trouble_reply(Stage stage, Trouble trouble) {
  if (stage == Stage::connect) return TroubleReply::no_service;
  if (stage == Stage::auth) return TroubleReply::no_login;
  return trouble == Trouble::no_memory ? TroubleReply::no_room : TroubleReply::later;
}

}  // namespace postern::policy::questions
