// What Lua hooks' policies answer to what questions found (policy/questions). The words are the
// gateway's (policy/replies.h), but for memory that is used up before there is a command.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "policy/replies.h"

namespace postern::dialect::kumo::replies {

/// A refusal for now; `cause` is for the trace.
inline policy::Verdict trouble(policy::Stage stage, policy::questions::Trouble kind,
                               std::string cause) {
  policy::Verdict verdict = policy::replies::trouble(stage, kind, std::move(cause));
  if (stage == policy::Stage::connect && kind == policy::questions::Trouble::no_memory) {
    verdict.reply = {421, {4, 3, 2}, "insufficient system storage"};
  }
  return verdict;
}

/// Mail to a domain that this client may not send to.
inline policy::Verdict relay_denied(std::string_view domain) {
  return policy::refuse(550, {5, 7, 1}, "relay not permitted to " + smtp::echo(domain),
                        "nothing lets this client relay");
}

/// A login that the script did not accept, without a reply of its own.
inline smtp::Reply login_refused(bool later) {
  return later ? policy::replies::trouble(policy::questions::TroubleReply::no_login)
               : policy::replies::login_failed();
}

}  // namespace postern::dialect::kumo::replies
