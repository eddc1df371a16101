// What can be said about restriction lists before any mail flows (restrictions reference §9): which
// are complete, which rules never act, and whether a stranger can send through to foreign
// destinations. The last is sound: where it says `no`, no dialogue gets through.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/ip.h"
#include "dialect/restrictions/rules.h"

namespace mailauth {
class SuffixList;
}

namespace postern::dialect::restrictions {

/// May an unauthenticated client outside mynetworks send to a destination that is not ours?
enum class OpenRelay : std::uint8_t {
  no,     ///< proved: no dialogue gets through
  keyed,  ///< not proved; at most for listed recipients or clients, or if something outside says so
  yes,    ///< anybody can: there is a witness
};
std::string_view to_string(OpenRelay verdict);

struct Finding {
  using Severity = Diagnostic::Severity;
  Severity severity = Severity::note;
  std::string code;                  ///< "R103", docs/restriction-lists.md
  std::string list;                  ///< the parameter
  std::optional<std::size_t> index;  ///< its element, from 0; warn_if_reject goes with its rule
  std::string message;
  std::string hint;
  std::string word = {};  ///< of a parameter that is no list: the element that is meant; or empty
};

/// A dialogue that evaluate() lets through.
struct Witness {
  IpAddress client;
  std::string client_name;  ///< verified; "" without
  std::string helo;         ///< "" none is given
  bool tls = false;
  std::string sender;  ///< "" is the null reverse-path
  std::vector<std::string> recipients;
  /// Why each list lets it through: parameter, reason.
  std::vector<std::pair<std::string, std::string>> passed;
  std::string provided;  ///< what else has to be so: "inet:127.0.0.1:10023 answers OK"
  bool empty() const { return recipients.empty(); }
};
/// As an SMTP dialogue, a line each.
std::vector<std::string> dialogue(const Witness& witness);

struct LintReport {
  /// Postfix would serve with these lists (reference §2.16): its own test, weaker than
  /// `open_relay`.
  bool starts = false;
  /// Does each list decide every request explicitly? By parameter.
  std::map<std::string, bool, std::less<>> complete;
  /// Rules that can never decide anything: parameter, element from 0.
  std::vector<std::pair<std::string, std::size_t>> unreachable;
  OpenRelay open_relay = OpenRelay::keyed;
  bool ended_early = false;  ///< of keyed: the lists are too large to try every dialogue
  Witness witness;  ///< of yes; of keyed when one was found
  /// What is wrong with the configuration; `index` when it is a rule of a list.
  std::vector<Finding> errors;
  std::vector<Finding> findings;
};

/// `policy` may be a draft whose compilation failed (Compiled::draft); `diagnostics` is what the
/// compiler said about it.
LintReport lint(const Policy& policy, const Diagnostics& diagnostics,
                const mailauth::SuffixList& suffixes);
LintReport lint(const Policy& policy, const Diagnostics& diagnostics);
/// Where a finding's words stand.
Place place_of(const Policy& policy, const Finding& finding);

}  // namespace postern::dialect::restrictions
