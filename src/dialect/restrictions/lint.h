// Static analysis of restriction lists (docs/restriction-lists.md, "Proof and lint"): which lists
// are complete, which rules never act, and whether an unknown client can relay through them. The
// last is sound: after `no`, there is no dialogue that relays.
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

/// Whether an unauthenticated client outside mynetworks can send to a foreign destination.
enum class OpenRelay : std::uint8_t {
  no,     ///< proved: no
  keyed,  ///< not proved; at most for listed recipients or clients, or if an outside service
          ///< permits
  yes,    ///< yes, for any client: there is a witness
};
/// The enumerator's name.
std::string_view to_string(OpenRelay verdict);

/// A finding of the linter.
struct Finding {
  /// As in Diagnostic.
  using Severity = Diagnostic::Severity;
  Severity severity = Severity::note;  ///< by importance
  std::string code;                    ///< "R103", see docs/restriction-lists.md
  std::string list;                    ///< name of the parameter
  std::optional<std::size_t>
      index;              ///< element of the list, from 0; warn_if_reject belongs to its rule
  std::string message;    ///< one sentence
  std::string hint;       ///< what to do about it; may be empty
  std::string word = {};  ///< for a parameter that is no list: the element; may be empty
};

/// A dialogue that evaluate() permits.
struct Witness {
  IpAddress client;                     ///< its address
  std::string client_name;              ///< verified; "": none
  std::string helo;                     ///< "": not sent
  bool tls = false;                     ///< the session uses TLS
  std::string sender;                   ///< "": the null reverse-path
  std::vector<std::string> recipients;  ///< in order
  /// Why each list permits it: parameter and reason.
  std::vector<std::pair<std::string, std::string>> passed;
  std::string provided;       ///< what else it depends on: "inet:127.0.0.1:10023 answers OK"
  std::string listener = {};  ///< that it connects to, if a table names it; "": any other
  /// Whether there is no dialogue.
  bool empty() const { return recipients.empty(); }
};
/// The lines of the SMTP dialogue.
std::vector<std::string> dialogue(const Witness& witness);

/// The result of lint().
struct LintReport {
  /// Whether Postfix would start with these lists: its own test, weaker than `open_relay` (R113 in
  /// docs/restriction-lists.md).
  bool starts = false;
  /// Whether the list decides every request explicitly, by parameter.
  std::map<std::string, bool, std::less<>> complete;
  /// Rules that can never decide: parameter, element from 0.
  std::vector<std::pair<std::string, std::size_t>> unreachable;
  OpenRelay open_relay = OpenRelay::keyed;  ///< the proof
  bool ended_early = false;  ///< with keyed: the lists are too large to try all dialogues
  Witness witness;           ///< with yes; with keyed if one was found
  /// Errors of the configuration; `index` is set for a rule of a list.
  std::vector<Finding> errors;
  std::vector<Finding> findings;  ///< other findings
};

/// Analyses the lists. `policy` may be one that did not compile (Compiled::draft); `diagnostics`
/// are those of the compiler.
LintReport lint(const ListPolicy& policy, const Diagnostics& diagnostics,
                const mailauth::SuffixList& suffixes);
/// The same without a public suffix list.
LintReport lint(const ListPolicy& policy, const Diagnostics& diagnostics);
/// The position of a finding.
Place place_of(const ListPolicy& policy, const Finding& finding);

}  // namespace postern::dialect::restrictions
