// Messages name pages of the handbook as the source has them, files of the folder docs. A package has
// none.
#pragma once

#include <functional>
#include <string>
#include <string_view>

namespace postern::app {

/// Where a reader finds a page, by its name ("tls").
using PageName = std::function<std::string(std::string_view name)>;

/// The text with each name of a file of docs, such as docs/tls.md, replaced by what `called` says of
/// the page.
std::string with_pages(std::string_view text, const PageName& called);

/// The same for this installation: the file of the package postern-doc if it is installed, else
/// that package. A program that runs from its source, or was installed from it, keeps the file.
std::string with_pages(std::string_view text);

}  // namespace postern::app
