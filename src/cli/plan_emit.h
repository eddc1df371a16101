// `postern plan --emit smt2 DIR`: the question of the comparison for another solver.
#pragma once

#include <optional>
#include <string>

#include <boost/json/array.hpp>

#include "cli/commands.h"
#include "plan/smt.h"

namespace postern::app {

/// The value of --emit; nullopt: it was not given.
tl::expected<std::optional<std::string>, UsageError> emit_directory(const Arguments& arguments);
/// Makes the directory. False: it cannot be made, which is reported. Blocks.
bool make_emit_directory(const std::string& directory, const Arguments& arguments,
                         Streams& streams);
/// Writes the files, and reports the groups that are left out. Returns both as JSON; nullopt: a
/// file cannot be written, which is reported. Blocks.
std::optional<boost::json::array> emit_questions(const plan::SmtQuestions& questions,
                                                 const std::string& directory,
                                                 const Arguments& arguments, Streams& streams);

}  // namespace postern::app
