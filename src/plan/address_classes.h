// The classes of senders and recipients (plan/classes.h).
#pragma once

#include <functional>
#include <set>
#include <string>
#include <vector>

#include "base/ip.h"
#include "dialect/restrictions/policy_words.h"
#include "plan/class_spelling.h"
#include "plan/classes.h"

namespace postern::plan {

inline constexpr std::size_t most_addresses = 100'000;
inline constexpr const char* too_many_addresses = "more than 100,000 kinds of addresses";

/// Calls `poll` every now and then.
class Pace {
 public:
  explicit Pace(const std::function<void()>& poll) : poll_(poll) {}
  void step() {
    if (poll_ && ++steps_ % poll_every == 0) poll_();
  }

 private:
  static constexpr std::size_t poll_every = 256;
  const std::function<void()>& poll_;
  std::size_t steps_ = 0;
};

/// How the versions read addresses, beside their tables.
struct Reading {
  std::set<char> delimiters;         ///< of extensions
  bool requests = false;             ///< they differ about `bob-request`
  std::set<std::string> origins;     ///< the domains of addresses without one
  std::set<std::string> completing;  ///< what completes a domain of one label
  /// Address literals of this server that no list names: one for each set of versions whose address
  /// it is, of loopback and of the others.
  std::set<std::string> literals;
};
/// `delimiters`: of all versions.
Reading reading_of(const dialect::restrictions::PolicyWords& words, const std::string& delimiters);

/// A local part without octets, as it is written (RFC 5321 §4.1.2).
inline constexpr std::string_view no_local_part = "\"\"";

/// What tells the addresses of a part of the dialogue apart.
struct AddressKeys {
  std::set<std::string> keys;    ///< of tables
  std::set<std::string> locals;  ///< local parts that mean something at any domain of this server
};
/// All but the null sender.
std::vector<AddressClass> senders_of(const dialect::restrictions::PolicyWords& words,
                                     const AddressKeys& told, const Reading& reading,
                                     const Taken& taken, Pace& pace);
/// `spelling`: as unlike_keys() returns it.
std::vector<AddressClass> recipients_of(const dialect::restrictions::PolicyWords& words,
                                        const AddressKeys& told, const Reading& reading,
                                        const Taken& taken, const Spelling& spelling, Pace& pace);
/// Adds those that are a webhook's own address, or at a domain of webhooks that no key names, also
/// once their domain is completed: the others that they stand for go elsewhere. Whether there are
/// any that it did not have.
bool add_known(const std::vector<AddressClass>& recipients, const Reading& reading,
               const Taken& taken, const std::vector<const policy::Directory*>& directories,
               std::set<std::string>& into);
/// Beside each class with many local parts, those of them that need quotes: tables are asked about
/// these with the quotes, too.
void add_quoted(std::vector<AddressClass>& classes, Pace& pace);
/// An address in the place of a domain, in lower case (RFC 5321 §4.1.3).
std::string literal_of(const IpAddress& address);
/// The address with a route of these members, which have `read`, that is read as `address`.
mail::Mailbox routed_to(const mail::Mailbox& address, const AddressClass& members);

}  // namespace postern::plan
