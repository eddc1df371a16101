// Whom `postern doctor` and `postern setup` ask: the running gateway and DNS.
#pragma once

#include <chrono>
#include <filesystem>

#include "cli/mail_dns.h"
#include "doctor/examination.h"

namespace postern::app {

/// The gateway of a data directory, and DNS; null: no check that needs the network runs. `dns`
/// outlives the result.
doctor::Sources doctor_sources(const std::filesystem::path& data_dir, MailDns* dns,
                               std::chrono::milliseconds dns_timeout);

}  // namespace postern::app
