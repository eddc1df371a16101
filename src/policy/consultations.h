// Requests to other programs during the decisions of a transaction, and their replies.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace postern::policy {

/// A request to another program during a decision, and its reply.
struct Consultation {
  std::string service;     ///< "inet:127.0.0.1:10023"; for a table "ldap:/etc/postfix/people.cf"
  std::string request;     ///< the request; for a table the key
  std::string answer;      ///< one line; if failed the reason
  bool failed = false;     ///< no usable reply
  bool in_shadow = false;  ///< as DnsRecord::in_shadow
};

// Questions about an address, which the gateway answers, by Consultation::service. They are asked
// anew at a later command, which may find another answer.

/// Whether a mail host accepts mail for an address.
inline constexpr std::string_view verify_service = "verify";
/// The same for an address in a domain of this server, which may have no host to ask.
inline constexpr std::string_view verify_own_service = "verify-own";
/// Whether an address is the sender of our probes: "yes" or "no".
inline constexpr std::string_view probe_sender_service = "probe-sender";
/// Whether a service is one of these.
bool is_verification(std::string_view service);
/// The request about an address that was asked `times` times before in the transaction.
std::string verification_request(std::string_view address, std::size_t times);
/// The address of a verification_request().
std::string_view verified_address(std::string_view request);

/// The requests of a transaction in the order of their replies. They are only added to, and an
/// index keeps what a search costs independent of their number. Not thread-safe.
class Consultations {
 public:
  Consultations() = default;
  /// In this order.
  Consultations(std::initializer_list<Consultation> items)
      : Consultations(std::vector<Consultation>(items)) {}
  /// In this order.
  explicit Consultations(std::vector<Consultation> items);

  /// Adds a reply.
  void push_back(Consultation item);
  /// Puts these before the others.
  void prepend(const Consultations& earlier);
  /// Removes all.
  void clear() { *this = Consultations(); }

  bool empty() const { return items_.empty(); }
  std::size_t size() const { return items_.size(); }
  auto begin() const { return items_.begin(); }
  auto end() const { return items_.end(); }
  const Consultation& operator[](std::size_t at) const { return items_[at]; }

  /// Those from this number on were made for layers in shadow alone.
  void hide_from(std::size_t at);
  /// A reply that layers in shadow got counts for enforced ones, too. `one` is in this object.
  void show(const Consultation& one);

  /// The first reply to this request, or to its form in older records: those of 0.1.0 lacked the
  /// server's address, those of 0.2.0 the values of certificates. Null: none. `in_shadow`: those
  /// for layers in shadow, too. Valid until the next change.
  const Consultation* find(std::string_view service, std::string_view request,
                           bool in_shadow) const;
  /// How many requests find() compares with this one, for tests.
  std::size_t compared(std::string_view service, std::string_view request) const;

  /// The questions about addresses. `in_shadow` as in find().
  std::size_t verifications(bool in_shadow) const;
  /// How many of the first `among` of them are about this address.
  std::size_t verifications_of(std::string_view address, std::size_t among, bool in_shadow) const;

 private:
  /// In ascending order.
  struct Positions {
    std::vector<std::uint32_t> all;
    std::vector<std::uint32_t> enforced;  ///< without those for layers in shadow alone

    const std::vector<std::uint32_t>& seen(bool in_shadow) const {
      return in_shadow ? all : enforced;
    }
  };
  /// Adds the item at this position to the index.
  void enter(std::uint32_t at);
  /// Calls it with the Positions that have this item.
  template <class Change>
  void each_list_of(const Consultation& item, const Change& change);

  std::vector<Consultation> items_;
  std::unordered_multimap<std::size_t, std::uint32_t> by_request_;  ///< hash to position
  Positions verifications_;
  std::unordered_map<std::string, Positions> by_address_;  ///< the verifications
};

}  // namespace postern::policy
