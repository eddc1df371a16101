#include "policy/questions/spf.h"

#include "policy/authentication_text.h"

namespace postern::policy::questions {

namespace {

using SpfStatus = mailauth::spf::Status;

Spf::Says spf_meaning_of(SpfStatus status) {
  switch (status) {
    case SpfStatus::pass:
      return Spf::Says::authorised;
    case SpfStatus::none:
    case SpfStatus::neutral:
      return Spf::Says::nothing;
    case SpfStatus::softfail:
      return Spf::Says::doubts;
    case SpfStatus::fail:
      return Spf::Says::forbids;
    case SpfStatus::permerror:
      return Spf::Says::broken;
    case SpfStatus::temperror:
      break;
  }
  return Spf::Says::unanswered;
}

}  // namespace

Spf spf(const mailauth::spf::Result& result) { return {spf_meaning_of(result.status), &result}; }

Spf spf(const Evidence& evidence) { return evidence.spf ? spf(*evidence.spf) : Spf{}; }

std::string Spf::words() const {
  return result != nullptr ? describe(*result) : "SPF was not evaluated";
}

std::string_view spf_domain(const Evidence& evidence) {
  return evidence.reverse_path ? std::string_view(evidence.reverse_path->domain)
                               : std::string_view(evidence.session.helo);
}

SpfCause cause_of(const mailauth::spf::Result& result) {
  const bool is_problem = result.status == SpfStatus::none ||
                          result.status == SpfStatus::temperror ||
                          result.status == SpfStatus::permerror;
  const std::string& first = is_problem ? result.reason : result.mechanism;
  const std::string& second = is_problem ? result.mechanism : result.reason;
  return {is_problem, first.empty() ? second : first};
}

}  // namespace postern::policy::questions
