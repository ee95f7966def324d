# Forwards to the build program, which holds the targets: ./build.ps1 prints them.
dotnet run --project "$PSScriptRoot/build/Build.csproj" --configuration Release --verbosity quiet -- @args
exit $LASTEXITCODE
