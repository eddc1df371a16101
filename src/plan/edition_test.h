// Versions of configurations, for tests.
#pragma once

#include <string>

#include <gtest/gtest.h>

#include "base/secret.h"
#include "config/config.h"
#include "plan/edit.h"

namespace postern::plan {

/// `text`: of the whole configuration.
inline Edition edition_of_text(const std::string& name, const std::string& text) {
  app::LoadOptions options;
  options.read_files = false;
  options.machine_name = "mx.example.com";
  Edition made{.name = name, .file = name, .text = text};
  app::ConfigResult loaded = app::parse_config(made.text, name, options);
  EXPECT_TRUE(loaded.ok() || loaded.diagnostics.render().find("R110") != std::string::npos)
      << loaded.diagnostics.render();
  made.config = std::move(loaded.config);
  return made;
}

/// `lists`: the lines of [restrictions].
inline Edition edition_of(const std::string& name, const std::string& lists) {
  return edition_of_text(name, "[restrictions]\n" + lists);
}

/// In the form of bcrypt; of no password.
inline Secret hash_of(char letter) { return Secret("$2b$12$" + std::string(53, letter)); }

}  // namespace postern::plan
