#!/usr/bin/env bash
# Forwards to the build program, which holds the targets: ./build.sh prints them.
set -euo pipefail
command -v dotnet >/dev/null || { echo "build.sh: 'dotnet' is not on PATH; install the .NET 10 SDK." >&2; exit 1; }
exec dotnet run --project "$(dirname "${BASH_SOURCE[0]}")/build/Build.csproj" --configuration Release --verbosity quiet -- "$@"
