using Rudder.Build;

// All build logic is here; build.sh and build.ps1 only forward.
return await CommandProgram.RunAsync(Targets.Root(), args);
