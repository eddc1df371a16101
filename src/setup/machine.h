// The machine that `postern setup` runs on, before the gateway starts.
#pragma once

#include <filesystem>
#include <string>

#include "doctor/examination.h"
#include "setup/answers.h"

namespace postern::setup {

/// The data directory of the answers, or the folder above it in which it will be made.
std::filesystem::path data_place(const Answers& answers);

/// What is wrong with the machine: ports, disk, clock, and, if `sources.dns` can be asked, the
/// names of the addresses. Nothing that depends on records or a certificate that are still to come.
/// `text`: the configuration. Blocks.
doctor::Findings look_at_machine(const std::string& text, const Answers& answers,
                                 doctor::Sources sources);

}  // namespace postern::setup
