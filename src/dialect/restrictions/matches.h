// The three kinds of lists that parameters hold: networks, domains, look-up tables. First match
// wins in each.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "base/error.h"
#include "base/ip.h"
#include "base/strangers.h"
#include "dialect/restrictions/parameters.h"
#include "dialect/restrictions/table.h"

namespace postern::dialect::restrictions {

/// Digits and dots, or a colon: worth parsing as an address.
bool looks_like_address(std::string_view text);

enum class Match : std::uint8_t {
  no,
  yes,
  trouble,    ///< a look-up failed, or an element cannot be read
  need_name,  ///< depends on the client's verified name, which was not given
  waiting,    ///< another program has to be asked first
};

/// mynetworks: addresses, networks, `[v6]/bits`, `!` exceptions, files, tables, host names.
class Networks {
 public:
  /// Elements that cannot be read are listed in `trouble` and make every match behind them
  /// Match::trouble; a bad network does so for clients of its family.
  static Networks parse(const std::vector<Word>& words, const TableSources& sources,
                        std::vector<std::string>& trouble);
  /// `name`: the client's verified name, "" when it has none; null when it is not known yet.
  /// `replies`: as Table::find() has it.
  Match contains(const IpAddress& client, const std::string* name,
                 policy::Replies* replies = nullptr) const;
  /// Networks that count as inside, in order, for the linter; without exceptions and tables.
  std::vector<Cidr> networks() const;
  bool needs_name() const;
  /// Networks and nothing else, without exceptions.
  bool is_plain() const { return is_plain_; }
  /// Networks in the order written, exceptions too; without those that no message may show.
  struct Written {
    Cidr network;
    bool negated;
  };
  std::vector<Written> written() const;
  /// Those and the rows of cidr tables, in order: what can be known without asking.
  std::vector<AddressClaim> claims() const;

 private:
  struct Element {
    enum class Kind : std::uint8_t { network, name, table, bad } kind = Kind::network;
    enum class Family : std::uint8_t { any, v4, v6 } met_by = Family::any;  ///< of a bad one
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
  /// All elements when they are plain networks.
  CidrSet plain_;
  bool is_plain_ = false;
};

/// mydestination, relay_domains and the like: names, `.name`, files, tables, `!` exceptions.
class Domains {
 public:
  /// `parents`: a plain name matches what is below it too. `trouble` as of Networks::parse().
  static Domains parse(const std::vector<Word>& words, bool parents, const TableSources& sources,
                       std::vector<std::string>& trouble);
  /// `replies`: as Table::find() has it.
  Match contains(std::string_view domain, policy::Replies* replies = nullptr) const;
  /// The plain names, as written; without those that no message may show.
  std::vector<std::string> names() const;
  bool empty() const { return elements_.empty(); }
  /// Whether every subdomain of a domain that it contains is contained as well, for sure.
  bool covers_subdomains() const { return is_plain_ && parents_; }

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
  std::unordered_set<std::string> plain_;
  bool is_plain_ = false;
  bool parents_ = false;
};

/// A list of tables that hold addresses: local_recipient_maps and the like.
class Maps {
 public:
  /// A table that cannot be opened is listed in `trouble`, and every look-up that comes to it
  /// fails.
  static Maps parse(const std::vector<Word>& words, const TableSources& sources,
                    std::vector<std::string>& trouble);
  bool empty() const { return tables_.empty(); }
  /// The first that knows one of these keys, tried key by key.
  Found find(const std::vector<std::string>& keys, policy::Replies* replies) const;

 private:
  std::vector<std::shared_ptr<const Table>> tables_;
};

}  // namespace postern::dialect::restrictions
