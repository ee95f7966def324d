using System.Diagnostics;
using System.Globalization;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using Rudder.InferenceService.Telemetry;
using Rudder.InferenceService.Tests.Grpc;
using Rudder.Tests;

namespace Rudder.InferenceService.Tests;

/// <summary>What the files in deploy/ rely on.</summary>
public sealed class DeploymentTests
{
    [Fact]
    public async Task Start_UnderSystemd_ReportsReadinessAndStopping()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "systemd runs on Linux only");
        string folder = Directory.CreateTempSubdirectory("rudder-systemd-").FullName;
        try
        {
            // The host recognises systemd by the name of its parent process.
            string parent = Path.Combine(folder, "systemd");
            File.Copy("/bin/sh", parent);
            string notify = Path.Combine(folder, "notify");
            using var socket = new Socket(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified);
            socket.Bind(new UnixDomainSocketEndPoint(notify));
            var start = ProgramStart.Info(
                parent,
                ["-c", "dotnet exec \"$0\" --urls=http://127.0.0.1:0 & echo $!; wait $!", Path.Combine(AppContext.BaseDirectory, "inference-service.dll")]);
            start.Environment["NOTIFY_SOCKET"] = notify;
            using var process = Process.Start(start)!;
            int service = int.Parse((await process.StandardOutput.ReadLineAsync())!, CultureInfo.InvariantCulture);

            Assert.Contains("READY=1", await ReceiveAsync(socket));
            using (var kill = Process.Start("kill", ["-TERM", service.ToString(CultureInfo.InvariantCulture)]))
            {
                await kill.WaitForExitAsync();
            }

            Assert.Contains("STOPPING=1", await ReceiveAsync(socket));
            Assert.Equal(0, (await ProgramEnd.OfAsync(process, process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync())).Code);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public async Task HealthCheck_OfTheDockerfile_FollowsTheReadiness()
    {
        Assert.SkipUnless(File.Exists("/bin/bash"), "needs bash, as the base image has it");
        string file = File.ReadAllText(Path.Combine(SharedFolder.Root, "deploy", "Dockerfile"));
        int at = file.IndexOf('[', file.IndexOf("HEALTHCHECK", StringComparison.Ordinal));
        string[] command = JsonSerializer.Deserialize<string[]>(file[at..(file.IndexOf(']', at) + 1)])!;
        await using var service = await RunningService.StartAsync("--http-urls=http://127.0.0.1:0");
        string port = new Uri(Listening.Addresses(service.App).Http.Single()).Port.ToString(CultureInfo.InvariantCulture);
        string[] args = [.. command[1..].Select(part => part.Replace("8080", port, StringComparison.Ordinal))];

        Assert.Equal(0, await RunAsync(command[0], args));
        _ = service.Get<ServiceState>().BecomeDraining();
        Assert.NotEqual(0, await RunAsync(command[0], args));
    }

    private static async Task<int> RunAsync(string program, string[] args)
    {
        using var process = Process.Start(ProgramStart.Info(program, args))!;
        return (await ProgramEnd.OfAsync(process, process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync())).Code;
    }

    private static async Task<string> ReceiveAsync(Socket socket)
    {
        byte[] message = new byte[256];
        int count = await socket.ReceiveAsync(message).WaitAsync(ProgramEnd.Limit);
        return Encoding.UTF8.GetString(message, 0, count);
    }
}
