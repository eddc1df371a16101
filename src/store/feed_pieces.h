// What gateways of a cluster tell each other of traces and deliveries: items in sealed pieces.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "store/database.h"
#include "store/seal.h"

namespace postern::cluster {
class FeedOutbox;
}

namespace postern::store {

/// For which the deletion of an account's or a webhook's rows is remembered: longer than the
/// database of a cluster keeps what was told.
inline constexpr std::int64_t days_remembered = 10;

/// The items in one text, compressed, then sealed: they hold policies and addresses.
std::string pack_items(const Seal& seal, const std::vector<std::string>& items);
/// nullopt: sealed with another key, damaged, or larger than 64 MiB.
std::optional<std::vector<std::string>> unpack_items(const Seal& seal, std::string_view piece);

/// Where a database tells the other gateways of its rows.
struct Telling {
  std::shared_ptr<cluster::FeedOutbox> outbox;  ///< null: there are no others
  std::string node;                             ///< this gateway's name
};

/// Numbers of rows that mean the same at all gateways: they rise with the time, and those of two
/// gateways differ, so that a page of a list can be followed at any of them. Not thread-safe.
class SharedNumbers {
 public:
  /// `node`: this gateway's name.
  explicit SharedNumbers(std::string_view node);
  /// A number for a row that is written now.
  std::int64_t next();

 private:
  const std::int64_t own_;  ///< the last bits, from the name
  std::int64_t last_ = 0;   ///< without them
};

/// How far a gateway has taken what others told; a row of `feed_position`, in the transaction of
/// the rows that it is about.
void note_position(Database& database, std::string_view node, std::int64_t number);
/// All of them.
std::map<std::string, std::int64_t> positions(Database& database);

}  // namespace postern::store
