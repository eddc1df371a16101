// What is left to do after `postern setup`, for people: the text of setup-report.txt.
#pragma once

#include <string>
#include <vector>

#include "doctor/records.h"
#include "setup/answers.h"
#include "setup/proof.h"

namespace postern::setup {

/// A key that mail will be signed with.
struct SigningKey {
  doctor::DkimKey record;  ///< its public half
  std::string file;        ///< of its private half
};

/// What the report is about, besides the answers.
struct Written {
  std::string config_file;       ///< of the configuration
  std::vector<SigningKey> keys;  ///< one for each domain, or none
  Proof proof;                   ///< what was proved
  std::string hook = {};         ///< deploy hook of ACME clients; empty: none is installed
  std::string users_file = {};   ///< with `submission`: who signs in
};

/// The DNS records of these answers.
std::vector<doctor::Record> records(const Answers& answers, const std::vector<SigningKey>& keys);

/// TCP ports on which clients connect.
std::vector<unsigned> open_ports(const Answers& answers);

/// The whole report, at most some 70 lines for one domain. It holds no secret: the link of the
/// first account is a command.
std::string report(const Answers& answers, const Written& written);

}  // namespace postern::setup
