// What a configuration needs of the sandbox, and the sandbox of the running gateway.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "config/config.h"
#include "sandbox/sandbox.h"
#include "serve/start_error.h"

namespace postern::app {

/// What the sandbox must leave allowed for this configuration: programs if `vsl.allow_commands` has
/// some; to write, the data directory, the directories of policies, mailboxes and databases, and
/// `server.sandbox_write`; to read, all, or what `server.sandbox_read` and other keys name and what
/// libraries read. `config_file`: empty if there is none. Reads the definitions of `sqlite:`
/// tables.
sandbox::Plan sandbox_plan(const Config& config, const std::filesystem::path& config_file);

/// What the sandbox of a running gateway lacks for another configuration, and nothing was changed:
/// the first path, or programs. One sentence; nullopt: it suffices.
std::optional<std::string> beyond_sandbox(const sandbox::Plan& running,
                                          const sandbox::Plan& wanted);

/// Puts the sandbox on this process as `server.sandbox` says. An error ends the start.
tl::expected<sandbox::Report, StartError> enter_sandbox(const Config& config,
                                                        const sandbox::Plan& plan);

}  // namespace postern::app
