// TempFolder, where tests look for what they share.
#pragma once

#include <tidings/base/temp_folder.hpp>
