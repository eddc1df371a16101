// What the conditions of webhook policies tell apart: the values of each part of a dialogue, which
// of them a version takes, and dialogues that show how two versions differ (docs/plan.md, "Webhook
// policies").
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "explain/play.h"
#include "plan/classes.h"
#include "plan/compare.h"
#include "plan/player.h"
#include "policy/webhook.h"

namespace postern::plan::conditions {

/// The parts of a dialogue that conditions are about. No condition is about two of them: HELO is
/// the client's own address literal or not, whatever the address is.
enum class Part : std::uint8_t { client, login, helo, sender, spf, dkim };
inline constexpr std::array<std::string_view, 6> part_names{"client", "auth", "helo",
                                                            "sender", "spf",  "dkim"};
inline constexpr std::size_t part_count = part_names.size();
/// A value of each part, as its place among Values.
using Choice = std::array<std::size_t, part_count>;

/// Something to authenticate with.
struct Login {
  std::string user;         ///< "": none
  std::uint64_t stamp = 0;  ///< Credential::stamp
  /// Which version has this password for the user; "": both, or it is the only one.
  std::string password_of;
};

/// A domain that stands for all that no rule tells apart from it.
struct DomainValue {
  std::string name;   ///< in lower case; "": none
  std::string words;  ///< for all of them: "below partner.example"
};

/// What can come, part by part. Values that no condition of either version tells apart are one. The
/// first of each part is what a stranger has.
struct Values {
  std::vector<ClientClass> clients;
  std::vector<Login> logins{Login{}};
  std::vector<DomainValue> senders;
  std::vector<std::string> spf;      ///< results, as evidence_results("spf") has them
  std::vector<DomainValue> signers;  ///< the first: no signature

  /// Number of values of a part.
  std::size_t count(Part part) const {
    switch (part) {
      case Part::client:
        return clients.size();
      case Part::login:
        return logins.size();
      case Part::helo:
        return 2;  // a name, the literal of another address
      case Part::sender:
        return senders.size();
      case Part::spf:
        return spf.size();
      case Part::dkim:
        return signers.size();
    }
    return 0;
  }
};

/// What one version has behind an address.
struct Holder {
  policy::Recipient recipient;                    ///< with its route
  const policy::WebhookPolicy* policy = nullptr;  ///< of the webhook; null: none
  bool open = false;                              ///< it takes mail, if its policy lets it
  bool elsewhere = false;  ///< no webhook has it, and the version may take mail for it
  bool domain = false;     ///< the domain has webhooks, which refuses others of its addresses
  bool others = false;     ///< the version may take mail for others of the domain's addresses
};

/// `address`: as the client says it. O(1) in webhooks.
Holder holder_of(const Version& version, mail::Mailbox address);
/// The values that the policies of both tell apart. O(n log n) in their networks, domains and
/// credentials.
Values values_of(const Holder& before, const Holder& after);

/// What one version takes: the values of each part that all its conditions on it let through.
struct Takes {
  bool open = false;                                 ///< Holder::open
  std::array<std::vector<bool>, part_count> values;  ///< by Part and value
  /// For each value the numbers of the rules that refuse it.
  std::array<std::vector<std::vector<std::size_t>>, part_count> refusing;
  std::set<std::string_view> unknown;  ///< checks that no part is known of

  /// Whether there is anything that it takes.
  bool any() const {
    return open && std::ranges::all_of(values, [](const std::vector<bool>& part) {
             return std::ranges::find(part, true) != part.end();
           });
  }
};

/// By the production checks.
Takes takes_of(const Values& values, const Holder& holder);
/// Dialogues that `one` takes and `other` does not, if that follows from a single part: at most
/// `most`. Parts that do not matter have what both take, if there is such.
std::vector<Choice> choices_between(const Takes& one, const Takes& other, std::size_t most);
/// All that `one` takes and `other` does not, if it is one condition on each part; else nothing.
Differences differences_between(const Values& values, const Takes& one, const Takes& other);

/// One dialogue of `values`.
struct Said {
  app::Dialogue dialogue;
  app::FrozenEvidence frozen;
  Spoken spoken;  ///< for a witness, but for `tls`
};

/// The choice in a dialogue with a message for this recipient.
Said said_in(const Values& values, const Choice& choice, const mail::Mailbox& recipient);

/// Dialogues that show in which ways both versions can answer.
struct Answers {
  std::set<Choice> choices;
  bool all = true;  ///< in each way that there is
};

/// At most 200 dialogues. What a version refuses, its first rule that refuses answers, and each
/// rule is about one part: so the two answers follow from two parts at most, of which all values
/// are tried that rules tell apart.
Answers answers_of(const Takes& before, const Takes& after);

}  // namespace postern::plan::conditions
