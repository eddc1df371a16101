// The three kinds of match lists in parameters: networks, domains, lookup tables. The first match
// wins.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "base/error.h"
#include "base/ip.h"
#include "base/strangers.h"
#include "dialect/restrictions/key_fold.h"
#include "dialect/restrictions/parameters.h"
#include "dialect/restrictions/table.h"

namespace postern::dialect::restrictions {

/// Whether the text consists of digits and dots or has a colon, so that it may be an address.
bool looks_like_address(std::string_view text);

/// Result of a match.
enum class Match : std::uint8_t {
  no,
  yes,
  trouble,    ///< a lookup failed, or an element is invalid
  need_name,  ///< depends on the client's verified name, which was not given
  waiting,    ///< another program has to be asked first
};

/// The text of a failure for the trace: "LIST cannot be read", and the failure that `replies` has
/// noted.
std::string unread(std::string_view list, const policy::Replies& replies);

/// mynetworks: addresses, networks, `[v6]/bits`, `!` exceptions, files, tables, host names.
class Networks {
 public:
  /// Adds a message to `trouble` for each invalid element. Matches that reach such an element are
  /// Match::trouble; an invalid network affects only clients of its address family.
  static Networks parse(const std::vector<Word>& words, const TableSources& sources,
                        std::vector<std::string>& trouble);
  /// `name`: the client's verified name; "": it has none; null: not known yet. `replies`: as for
  /// Table::find().
  Match contains(const IpAddress& client, const std::string* name,
                 policy::Replies* replies = nullptr) const;
  /// The networks inside, in order, without exceptions and tables. For the linter.
  std::vector<Cidr> networks() const;
  /// Whether a match may depend on the client's name.
  bool needs_name() const;
  /// Whether all elements are networks without exceptions.
  bool is_plain() const { return is_plain_; }
  /// A network as written.
  struct Written {
    Cidr network;  ///< the network
    bool negated;  ///< an exception
  };
  /// Networks and exceptions in order, without those that messages must not quote.
  std::vector<Written> written() const;
  /// These and the rows of cidr tables, in order: all that is known without lookups.
  std::vector<AddressClaim> claims() const;
  /// The names inside.
  std::vector<std::string> names() const;
  /// The tables inside that are not of networks.
  std::vector<std::shared_ptr<const Table>> tables() const;
  /// All that matches depend on, as a text, without what is in tables().
  std::string content() const;

 private:
  struct Element {
    enum class Kind : std::uint8_t { network, name, table, bad } kind = Kind::network;
    enum class Family : std::uint8_t {
      any,
      v4,
      v6
    } met_by = Family::any;  ///< family of an invalid network
    bool negated = false;
    bool quotable = true;
    bool is_met_by(const IpAddress& client) const {
      return met_by == Family::any || (met_by == Family::v4) == client.is_v4();
    }
    Cidr network{IpAddress::v4(0), 32};
    std::string name;
    std::shared_ptr<const Table> table;
  };
  std::vector<Element> elements_;
  /// All elements, if they are plain networks.
  CidrSet plain_;
  bool is_plain_ = false;
};

/// mydestination, relay_domains and the like: names, files, tables, `!` exceptions.
class Domains {
 public:
  /// Which subdomains the elements match.
  enum class Below : std::uint8_t {
    none,    ///< none: every element is one domain (mydestination, virtual_*_domains)
    dotted,  ///< `.name` matches the names below it (relay_domains)
    plain,   ///< a plain name matches them too, `.name` nothing (parent_domain_matches_subdomains)
  };
  /// `trouble` as in Networks::parse().
  static Domains parse(const std::vector<Word>& words, Below below, const TableSources& sources,
                       std::vector<std::string>& trouble);
  /// `domain`: in any case. `replies`: as for Table::find().
  Match contains(std::string_view domain, policy::Replies* replies = nullptr) const;
  /// The plain names as written, without those that messages must not quote.
  std::vector<std::string> names() const;
  /// All names, exceptions too, also those that messages must not quote.
  std::vector<std::string> all_names() const;
  /// Whether there are no elements.
  bool empty() const { return elements_.empty(); }
  /// Whether a match of a domain implies a match of all its subdomains.
  bool covers_subdomains() const { return is_plain_ && below_ == Below::plain; }
  /// Whether an element `.name` can match anything.
  bool takes_dotted() const { return below_ == Below::dotted; }
  /// The tables inside.
  std::vector<std::shared_ptr<const Table>> tables() const;
  /// All that matches depend on, as a text, without what is in tables().
  std::string content() const;

 private:
  struct Element {
    enum class Kind : std::uint8_t { name, table, bad } kind = Kind::name;
    bool negated = false;
    bool quotable = true;
    std::string name;
    std::shared_ptr<const Table> table;
  };
  Match match(const Element& element, std::string_view domain, policy::Replies* replies) const;
  std::vector<Element> elements_;
  /// Hashes views too, so that a look-up copies no name.
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view name) const {
      return std::hash<std::string_view>{}(name);
    }
  };
  bool has_plain(std::string_view name) const {
    return (lengths_ & length_bit(name)) != 0 && plain_.contains(name);
  }
  std::unordered_set<std::string, Hash, std::equal_to<>> plain_;
  std::uint64_t lengths_ = 0;  ///< of plain_: most misses need no hash
  bool is_plain_ = false;
  Below below_ = Below::none;
};

/// A list of tables with addresses as keys: local_recipient_maps and the like. Immutable.
class Maps {
 public:
  /// A table that cannot be opened is listed in `trouble`; lookups that reach it fail.
  static Maps parse(const std::vector<Word>& words, const TableSources& sources,
                    std::vector<std::string>& trouble);
  /// Whether there are no tables.
  bool empty() const { return tables_.empty(); }
  /// Whether only keys that a row names are found: no table has patterns or is a database.
  bool has_named_keys() const;
  /// In the order of the list.
  const std::vector<std::shared_ptr<const Table>>& tables() const { return tables_; }
  /// The first match: tries all tables with the first key, then with the next. `replies`: as for
  /// Table::find().
  Found find(const std::vector<std::string>& keys, policy::Replies* replies) const;

 private:
  std::vector<std::shared_ptr<const Table>> tables_;
};

}  // namespace postern::dialect::restrictions
