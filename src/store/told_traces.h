// What gateways of a cluster tell each other of traces, as items of a feed.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "store/traces.h"

namespace postern::store {

/// Definitions by id and version.
using DefinitionNames = std::vector<std::pair<std::string, std::uint64_t>>;

/// A trace with what lists show of it.
struct ToldTrace {
  TraceRow row;             ///< without its number
  std::int64_t number = 0;  ///< TraceRow::number at the gateway that decided
  DefinitionNames names;    ///< the definitions that the record names
  std::string record;       ///< policy/record.h
};

/// A part that many records name.
struct ToldDefinition {
  std::string id;             ///< see policy::Definition
  std::uint64_t version = 0;  ///< see policy::Definition
  std::string account;        ///< its owner, "" for the gateway
  std::string text;           ///< in clear
};

/// One of them, or the id of an account whose traces are deleted.
using ToldItem = std::variant<ToldTrace, ToldDefinition, std::string>;

/// The item of a feed.
std::string told_trace(const ToldTrace& trace);
/// The same of a definition.
std::string told_definition(const ToldDefinition& definition);
/// The same of an account whose traces are deleted.
std::string told_forgotten(std::string_view account);
/// nullopt: an item of a later version, or a damaged one.
std::optional<ToldItem> read_item(std::string_view item);

}  // namespace postern::store
