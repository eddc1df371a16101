// The replies of the engine, the catalogue and everything that has no words of its own: a table
// from what questions found (policy/questions) to what the client is told. A dialect with other
// words has a table of its own.
#pragma once

#include <string>

#include "base/ip.h"
#include "policy/questions/authenticated.h"
#include "policy/questions/client_in.h"
#include "policy/questions/dkim.h"
#include "policy/questions/dmarc.h"
#include "policy/questions/rate.h"
#include "policy/questions/spf.h"
#include "policy/questions/trouble.h"
#include "policy/verdict.h"

namespace postern::policy::replies {

smtp::Reply trouble(questions::TroubleReply reply);
/// 452: memory, disk, queue or all inboxes together are full (RFC 5321 §4.2.4, RFC 3463 §3.4).
smtp::Reply no_room();
/// A refusal for now; `cause` is for the trace.
Verdict trouble(Stage stage, questions::Trouble trouble, std::string cause);

/// 530: what the client asked for takes a login (RFC 4954 §6).
smtp::Reply login_required();
/// 535: these credentials are nobody's (RFC 4954 §6).
smtp::Reply login_failed();

Verdict client_in(const questions::ClientIn& found);
Verdict opens_policy(questions::PolicyLogin found);
Verdict rate(const questions::Rate& found);
Verdict spf(const questions::Spf& found, const IpAddress& client);
Verdict dkim(const questions::Dkim& found);
/// Refuses what the author's domain asks to refuse (DmarcRule::enforce).
Verdict dmarc_asked(const questions::Dmarc& found);
/// Refuses what is not vouched for (DmarcRule::require).
Verdict dmarc_vouched(const questions::Dmarc& found);

}  // namespace postern::policy::replies
