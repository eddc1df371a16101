// The classes of what can come: for each part of a dialogue, values that no rule of either version
// tells apart are one class, and one of them stands for all (docs/plan.md, "How it is proved").
#pragma once

#include <functional>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "base/ip.h"
#include "base/strangers.h"
#include "dialect/restrictions/policy_words.h"
#include "dialect/restrictions/rule_effect.h"
#include "mail/address.h"
#include "plan/diagram.h"

namespace postern::policy {
class Directory;
}  // namespace postern::policy

namespace postern::plan {

/// A client's address: all from `first` to `last`.
struct ClientClass {
  IpAddress first;       ///< the lowest
  IpAddress last;        ///< the highest, of the same family
  IpAddress one;         ///< stands for all
  IpAddress other;       ///< likewise; `one` if it is alone
  bool stranger = true;  ///< no list names these addresses
};

/// "192.0.2.0 to 192.0.2.255", or the only one.
std::string words_of(const ClientClass& clients);

/// What DNS says about the client's name.
struct NameClass {
  /// How far the look-ups get.
  enum class Kind {
    none,         ///< no PTR record
    trouble,      ///< the look-up of the PTR record fails
    verified,     ///< the name has the client's address
    unverified,   ///< it has not
    unconfirmed,  ///< the look-up of its address fails
  };
  Kind kind = Kind::none;  ///< of this class
  std::string name;        ///< for the last three kinds
  bool exact = false;      ///< the name stands for itself alone
  std::string below = {};  ///< it stands for the names below this one
  /// It stands for names that end like networks in tables. No name in DNS ends in a number
  /// (RFC 3696 §2), so there are none: Vocabulary::possible() leaves them out.
  bool like_network = false;
};

/// The name in HELO.
struct HeloClass {
  std::string name;     ///< "": the client sends no HELO
  bool listed = false;  ///< a list names it or a parent of it
  bool exact = false;   ///< it stands for itself alone
  std::string words;    ///< "mx.partner.test", "below partner.test", "a name of one label"
};

/// TLS and login.
struct SessionClass {
  bool tls = false;                  ///< after STARTTLS
  std::optional<std::string> login;  ///< its name
  bool any = false;                  ///< the login stands for those that no list names
};

/// The sessions in which listeners take mail.
struct ServedSessions {
  bool clear = true;            ///< without TLS
  bool tls = true;              ///< after STARTTLS, or all in TLS
  bool login = true;            ///< with AUTH
  bool login_in_clear = false;  ///< with AUTH without TLS
  bool implicit_tls = false;    ///< in TLS from the first octet on (RFC 8314 §3)

  bool operator==(const ServedSessions&) const = default;
};
/// Those that one of both serves.
ServedSessions either(const ServedSessions& one, const ServedSessions& other);
/// Whether such a session is among them.
bool serves(const ServedSessions& served, const SessionClass& session);

/// An envelope address.
struct AddressClass {
  std::optional<mail::Mailbox> one;  ///< stands for all; nullopt: the null sender
  bool listed = false;               ///< a list names it, its domain or a parent of that
  bool exact = false;                ///< it stands for itself alone
  /// A route to a domain of this server, or through a name below one.
  bool winding = false;
  bool quoted = false;  ///< those whose local part needs quotes (RFC 5321 §4.1.2)
  std::string words;    ///< "x@partner.test", "partner.test (and below)", "any other address"
  // Which addresses the class has. The domain is that of `one`, unless one of
  // the last two says more.
  std::string local = {};     ///< the local part; "": any that no other class has
  bool extended = false;      ///< `local` with a delimiter and an extension
  std::string below = {};     ///< the domains below this one
  bool other_domain = false;  ///< the domains that no class has
  // Patterns that all its local parts and domains match as a whole, in lower case; "": any do.
  std::string local_pattern = {};
  std::string domain_pattern = {};
  /// Of addresses with a route that all versions take off: the address that they read in place of
  /// `one`. Tables are asked about it, and the patterns above are about it.
  std::optional<mail::Mailbox> read = {};
};

/// Which recipients a question is about.
using Group = dialect::restrictions::Destination;

/// The parts of a dialogue, in the order of their variables.
enum class Axis { session, client, name, helo, sender, recipient, early };
/// Number of parts.
inline constexpr std::size_t axis_count = 7;

/// A text of a dialogue that tables are asked about.
struct DialogueText {
  /// Of an address, the other parts: whole. `quoted`: the whole with quotes, `whole` without them.
  enum class Part { whole, local, at_domain, domain, quoted };
  Axis axis = Axis::client;  ///< whose
  Part part = Part::whole;   ///< which part of it
  bool as_written = false;   ///< with its capitals
  auto operator<=>(const DialogueText&) const = default;
};
/// "the sender", "the recipient's domain".
std::string_view words_of(const DialogueText& text);

/// The classes of all parts.
struct Classes {
  std::vector<SessionClass> sessions;    ///< the first: in clear, if that is served
  std::vector<ClientClass> clients;      ///< the first: a stranger
  std::vector<NameClass> names;          ///< the first: no name
  std::vector<HeloClass> helos;          ///< the first: a name that no list has
  std::vector<AddressClass> senders;     ///< the first: an address that no list has
  std::vector<AddressClass> recipients;  ///< the first: a foreign address
  std::size_t early = 1;                 ///< those of app::Early, if it is asked

  /// All recipients are addresses of webhooks: whether mail is for this host is not asked for them.
  bool to_webhooks = false;
  /// All clients have connected to their own address.
  bool reach_themselves = false;
  bool implicit_tls = false;  ///< ServedSessions::implicit_tls, which no class of sessions has

  /// The domains with which addresses without one are looked up, in lower case.
  std::set<std::string, std::less<>> origins;
  /// Keys of look-ups that stand for others, too.
  std::set<std::string, std::less<>> open_keys;

  /// Number of classes of a part.
  std::size_t count(Axis axis) const;

  /// What a key of a look-up is in dialogues of this class. Each text is at most one key. Nullopt:
  /// the key is none of its texts.
  std::optional<DialogueText> text_of(Axis axis, std::size_t value, std::string_view key) const;
  /// A pattern that keys like this one match as a whole, in lower case, in dialogues of this class:
  /// its addresses have no domain, and are looked up with that of `origins` which the key has.
  /// Nullopt: they have one, or it is read out of a route.
  std::optional<std::string> completed_as(Axis axis, std::size_t value, std::string_view key) const;
  /// A pattern that such texts of this class match as a whole, in lower case.
  std::string pattern_of(const DialogueText& text, std::size_t value) const;
};

/// Thrown if there are more classes than one comparison may have.
struct TooManyClasses : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// The addresses between all ends of ranges. The first is a stranger if there is one. O(n log n).
std::vector<ClientClass> clients_of(const std::vector<AddressRange>& ranges);

/// The address that other clients have connected to: 192.0.2.25.
IpAddress reached_address();

/// Words of classes that have many names: of domains, and of names in HELO.
inline constexpr std::string_view one_label_words = "a domain of one label";
inline constexpr std::string_view number_last_words = "a domain that ends in a number";
inline constexpr std::string_view one_label_name = "a name of one label";
inline constexpr std::string_view number_last_name = "a name that ends in a number";

/// The classes that tell apart all that these words tell apart. `delimiters`, `served`: of all
/// versions. `poll` is called every now and then, and may throw. What stands for many recipients is
/// no address of a webhook of `directories`, and not at one of their domains, unless a word names
/// it. Throws TooManyClasses.
Classes classes_of(const dialect::restrictions::PolicyWords& words, const std::string& delimiters,
                   const ServedSessions& served = {}, const std::function<void()>& poll = {},
                   const std::vector<const policy::Directory*>& directories = {});
/// TLS without a login, if it is `told` apart, in clear, and with these logins.
std::vector<SessionClass> sessions_of(const ServedSessions& served, bool told,
                                      const std::vector<std::string>& logins);

}  // namespace postern::plan
