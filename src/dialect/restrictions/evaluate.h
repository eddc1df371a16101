// Walking through restriction lists (restrictions reference §2). Pure: what it looks at is the
// compiled policy and the evidence; what it misses it names, and is asked again.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "dialect/restrictions/rules.h"
#include "policy/answers.h"
#include "policy/evidence.h"

namespace postern::dialect::restrictions {

/// The moment of the dialogue.
enum class Protocol : std::uint8_t { connect, helo, mail, rcpt, data, end_of_data, vrfy, etrn };

/// How one rule came out.
struct Mark {
  enum class Result : std::uint8_t {
    passed,
    permitted,
    refused,
    warned,            ///< would have refused, behind warn_if_reject
    defers_if_permit,  ///< raised the deferral
    defers_if_reject,
  };
  const Rule* rule = nullptr;  ///< null: what is checked after all lists
  Result result = Result::passed;
  std::string_view fixed;  ///< static text, or what stands in `made`
  std::string made;
  std::string_view detail() const { return made.empty() ? fixed : std::string_view(made); }
};

struct Evaluated {
  smtp::Reply reply{.code = 0, .enhanced = {}, .text = {}};  ///< code 0: nothing refuses
  std::vector<Mark> marks;
  std::optional<std::string> hold;     ///< HOLD: why the message is to be held
  std::optional<std::string> discard;  ///< DISCARD: take it and throw it away
  bool trusted_client = false;         ///< a rule let the client's network through
  /// What is missing; then nothing else of the result counts.
  std::optional<dns::Question> wanted_dns;
  std::optional<policy::Consultation> wanted_service;
  /// Rules that a look-up at run time made; marks refer to them.
  std::vector<std::shared_ptr<const List>> kept;
  bool complete() const { return !wanted_dns && !wanted_service; }
};

/// `etrn`: the domain of an ETRN command.
Evaluated evaluate(const Policy& policy, const policy::Evidence& evidence, Protocol protocol,
                   std::string_view etrn = {});

}  // namespace postern::dialect::restrictions
