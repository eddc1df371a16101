// Guardrails: sentences that no edit of the policy may break.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

#include "base/ip.h"
#include "dialect/restrictions/rule_effect.h"
#include "mail/address.h"
#include "policy/answers.h"
#include "policy/dns_list.h"

namespace postern::app {

/// What a sentence forbids or demands.
enum class Verb { accept, refuse, discard, hold };

/// A domain: itself, or with `below` the names below it at any depth.
struct DomainPattern {
  std::string name;    ///< A-labels, lower case
  bool below = false;  ///< written as `*.name`
  /// Whether it has the domain, which is in lower case.
  bool has(std::string_view domain) const;
  bool operator==(const DomainPattern&) const = default;
};

/// One term of the condition.
struct Term {
  /// What it looks at.
  enum class About {
    client,         ///< in networks
    client_name,    ///< verified, in domains
    helo,           ///< none, or in domains
    auth,           ///< none, any, or a name
    tls,            ///< yes or no
    sender,         ///< null, an address, or in domains
    recipient,      ///< an address, or in domains
    destination,    ///< ours, relay, foreign
    client_listed,  ///< in a list in DNS
    sender_listed,  ///< its domain
    helo_listed,    ///< the name
    spf,            ///< a result
    dkim,           ///< a result
    dkim_domain,    ///< an acceptable signature of these domains
    dmarc,          ///< a result
    dmarc_policy,   ///< of the domain
    header_from,    ///< in domains
    size,           ///< larger than a number
  };
  About about = About::client;                ///< which members are set
  std::vector<Cidr> networks = {};            ///< of `client`
  bool mynetworks = false;                    ///< of `client`: those of the configuration
  std::vector<DomainPattern> domains = {};    ///< of names and addresses
  std::optional<mail::Mailbox> address = {};  ///< of `sender` and `recipient`
  /// A word: "none", "any", "null", "yes", "pass", or the login.
  std::string word = {};
  bool is_login = false;                          ///< of `auth`: the word is a name
  dialect::restrictions::Destination group = {};  ///< of `destination`
  std::optional<policy::DnsList> zone = {};       ///< of the three `_listed`
  std::uint64_t number = 0;                       ///< of `size`, octets
  /// Whether both say the same, word for word.
  bool operator==(const Term& other) const;
};

/// A condition: a term, or others put together.
struct Condition {
  /// How the parts are put together.
  enum class Kind { always, term, negation, conjunction, disjunction };
  Kind kind = Kind::always;           ///< always: no condition
  Term term = {};                     ///< of Kind::term
  std::vector<Condition> parts = {};  ///< of the last three kinds
  bool operator==(const Condition&) const = default;
};

/// `never accept where …`.
struct Sentence {
  bool never = true;         ///< false: `always`
  Verb verb = Verb::accept;  ///< what becomes of the mail
  Condition condition = {};  ///< of which dialogues
  bool operator==(const Sentence&) const = default;
};

/// Why a sentence cannot be read.
struct SentenceError {
  std::size_t column = 1;  ///< octet of the word at fault, from 1, or behind the end
  std::string message;     ///< one line, with the nearest word if there is one
};

/// Named sets of networks: `@inside`.
using NetworkSets = std::map<std::string, std::vector<Cidr>, std::less<>>;

/// Reads a sentence. Time is linear in its length; parentheses nest 50 deep at most.
tl::expected<Sentence, SentenceError> parse_sentence(std::string_view text,
                                                     const NetworkSets& sets);

}  // namespace postern::app
