using System.ComponentModel.DataAnnotations;
using System.Reflection;
using Microsoft.Extensions.Configuration;
using Rudder.Checkpoints;
using Rudder.Engine;
using Rudder.InferenceService.Settings;
using Rudder.Tests;

namespace Rudder.InferenceService.Tests.Settings;

public sealed class SettingsReaderTests
{
    [Fact]
    public void Read_NothingSet_GivesTheDefaults()
    {
        var options = Read().Options!;

        Assert.Empty(options.ModelRoots);
        Assert.Empty(options.Models);
        Assert.Equal(32, options.MaxSlots);
        Assert.False(options.AllowRemote);
        Assert.Equal((GraphDevice.Cpu, ""), (options.Device, options.CudaProviderLibrary));
    }

    [Fact]
    public void Read_KeysInAnyCase_SetsThem()
    {
        var options = Read(
            ("service:maxslots", "7"),
            ("Service:SharePrefixes", "none"),
            ("Service:ModelRoots:0", "x"),
            ("Service:Models:0:Name", "policy"),
            ("Service:Models:0:Path", "a/b"),
            ("Service:Models:0:Engine", "genai"),
            ("Service:Models:0:Precision", "int8"),
            ("Service:Device", "CUDA")).Options!;

        Assert.Equal(7, options.MaxSlots);
        Assert.Equal(["x"], options.ModelRoots);
        Assert.Equal(GraphDevice.Cuda, options.Device);
        Assert.Equal(PrefixSharing.None, options.SharePrefixes);
        var model = Assert.Single(options.Models);
        Assert.Equal(("policy", "a/b", EngineKind.GenAi, GraphPrecision.Int8), (model.Name, model.Path, model.Engine, model.Precision));
    }

    [Theory]
    [InlineData("Service:MaxSlot", "1", "Did you mean 'MaxSlots'?")]
    [InlineData("Service:Models:0:Nmae", "a", "Did you mean 'Name'?")]
    [InlineData("Service:Tls:Password", "x", "KeyFile")]
    [InlineData("Service:Models:0", "policy", "Name, Path, Engine, Precision")]
    [InlineData("Service:Tls", "cert.pem", "CertificateFile, KeyFile")]
    [InlineData("Service:MaxSlots", "many", "many")]
    [InlineData("Service:MaxSlots", "1.5", "1.5")]
    [InlineData("Service:MaxSlots", "99999999999", "99999999999")]
    [InlineData("Service:AllowRemote", "yes", "yes")]
    [InlineData("Service:Models:0:Precision", "bf16", "bf16")]
    [InlineData("Service:Device", "gpu", "gpu")]
    [InlineData("Service:SharePrefixes", "some", "some")]
    public void Read_KeyUnknownOrUnparsable_StopsWithItsFullPath(string key, string value, string part)
    {
        var (options, faults) = Read((key, value));

        Assert.Null(options);
        string fault = Assert.Single(faults);
        Assert.Contains(key, fault);
        Assert.Contains(part, fault);
    }

    [Theory]
    [InlineData("Service:MaxSlots", "0", "1024")]
    [InlineData("Service:MaxSlots", "1025", "1024")]
    [InlineData("Service:MaxStreamBuffer", "15", "1048576")]
    [InlineData("Service:MaxCallsPerClient", "-1", "1048576")]
    [InlineData("Service:Device", "7", "7")]
    [InlineData("Service:MaxTokens", "1", "1048576")]
    [InlineData("Service:MaxQueue", "1", "Service:MaxSequences")]
    [InlineData("Service:ModelRoots:0", " ", "Service:ModelRoots")]
    [InlineData("Service:CudaProviderLibrary", "x.so", "Service:Device")]
    [InlineData("Service:Tls:ReloadSeconds", "-1", "86400")]
    [InlineData("Service:Tls:CertificateFile", "cert.pem", "Service:Tls:KeyFile")]
    [InlineData("Service:Tls:ClientCaFile", "ca.pem", "Service:Tls:KeyFile")]
    [InlineData("Service:Telemetry:TracePercent", "101", "100")]
    public void Read_ValueOutsideItsLimits_NamesKeyAndLimit(string key, string value, string limit)
    {
        string fault = Assert.Single(Read((key, value)).Faults);

        Assert.Contains(key.Split(":0")[0], fault);
        Assert.Contains(limit, fault);
    }

    [Fact]
    public void Read_FaultsOfNestedKeysAndOfKeysTogether_ListsEachOnce()
    {
        var faults = Read(
            ("Service:MaxSlots", "0"),
            ("Service:Tls:CertificateFile", "a.pem"),
            ("Service:Tls:ReloadSeconds", "-1"),
            ("Service:MaxTokens", "1"),
            ("Service:Models:0:Path", "x"),
            ("Service:Models:1:Name", "../x"),
            ("Service:Models:1:Path", "y")).Faults;

        string[] expected = ["Service:MaxSlots", "belong together", "Service:Tls:ReloadSeconds", "MaxTokens is 1", "Service:Models:0:Name", "Service:Models:1:Name"];
        Assert.Equal(expected.Length, faults.Count);
        Assert.All(expected, part => Assert.Contains(faults, line => line.Contains(part, StringComparison.Ordinal)));
    }

    [Fact]
    public void Read_CollectorWithAPassword_IsRefusedWithoutIt()
    {
        string fault = Assert.Single(Read(("Service:Telemetry:OtlpEndpoint", "http://name:secret@a:b")).Faults);

        Assert.Contains("Service:Telemetry:OtlpEndpoint", fault);
        Assert.DoesNotContain("secret", fault);
    }

    [Fact]
    public void Read_TwoModelsOfOneName_Refuses()
    {
        var faults = Read(
            ("Service:Models:0:Name", "a"), ("Service:Models:0:Path", "x"), ("Service:Models:1:Name", "a"), ("Service:Models:1:Path", "y")).Faults;

        Assert.Contains("'a' 2 times", Assert.Single(faults));
    }

    [Fact]
    public void Table_InTheDocumentation_HoldsEveryOptionWithDefaultAndRange()
    {
        string[] rows = File.ReadAllLines(Path.Combine(SharedFolder.Root, "docs", "service.md"));
        var defaults = new ServiceOptions();
        foreach (var property in typeof(ServiceOptions).GetProperties())
        {
            string row = Assert.Single(rows, line => line.StartsWith($"| `{property.Name}` |", StringComparison.Ordinal));
            string[] cells = [.. row.Split('|', StringSplitOptions.TrimEntries)];
            if (property.GetCustomAttribute<RangeAttribute>() is { } range)
            {
                Assert.Equal($"{property.GetValue(defaults)}", cells[2]);
                Assert.Equal($"{range.Minimum} to {range.Maximum}", cells[3]);
            }
        }
    }

    private static (ServiceOptions? Options, List<string> Faults) Read(params (string Key, string? Value)[] settings)
    {
        var configuration = new ConfigurationBuilder()
            .AddInMemoryCollection(settings.Select(setting => KeyValuePair.Create(setting.Key, setting.Value)))
            .Build();
        var faults = new List<string>();
        return (SettingsReader.Read<ServiceOptions>(configuration.GetSection("Service"), faults), faults);
    }
}
