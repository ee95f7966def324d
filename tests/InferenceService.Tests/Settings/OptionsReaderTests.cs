using System.ComponentModel.DataAnnotations;
using System.Reflection;
using Microsoft.Extensions.Configuration;
using Rudder.Checkpoints;
using Rudder.Engine;
using Rudder.InferenceService.Settings;
using Rudder.Tests;

namespace Rudder.InferenceService.Tests.Settings;

public sealed class OptionsReaderTests
{
    [Fact]
    public void Read_NothingSet_GivesTheDefaults()
    {
        var options = Read();

        Assert.Equal(["models", "runs"], options.ModelRoots);
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
            ("Service:Models:0:Name", "policy"),
            ("Service:Models:0:Path", "a/b"),
            ("Service:Models:0:Engine", "genai"),
            ("Service:Models:0:Precision", "int8"),
            ("Service:Device", "CUDA"));

        Assert.Equal(7, options.MaxSlots);
        Assert.Equal(GraphDevice.Cuda, options.Device);
        Assert.Equal(PrefixSharing.None, options.SharePrefixes);
        var model = Assert.Single(options.Models);
        Assert.Equal(("policy", "a/b", EngineKind.GenAi, GraphPrecision.Int8), (model.Name, model.Path, model.Engine, model.Precision));
    }

    [Theory]
    [InlineData("Service:MaxSlot", "1", "Service:MaxSlot is no setting", "MaxSlots")]
    [InlineData("Service:MaxSlots", "0", "Service:MaxSlots is 0", "1 to 1024")]
    [InlineData("Service:MaxSlots", "1025", "Service:MaxSlots is 1025", "1 to 1024")]
    [InlineData("Service:MaxStreamBuffer", "15", "Service:MaxStreamBuffer is 15", "16 to 1048576")]
    [InlineData("Service:MaxCallsPerClient", "-1", "Service:MaxCallsPerClient is -1", "0 to 1048576")]
    [InlineData("Service:MaxSlots", "many", "Service:MaxSlots is 'many'", "a whole number")]
    [InlineData("Service:MaxSlots", "1.5", "Service:MaxSlots is '1.5'", "a whole number")]
    [InlineData("Service:MaxSlots", "99999999999", "Service:MaxSlots is '99999999999'", "a whole number")]
    [InlineData("Service:MaxSlots:Inner", "1", "Service:MaxSlots is a group of keys", "a whole number")]
    [InlineData("Service:MaxSlots", null, "Service:MaxSlots is null", "a whole number")]
    [InlineData("Service:AllowRemote", "yes", "Service:AllowRemote is 'yes'", "true or false")]
    [InlineData("Service:Models", "policy", "Service:Models is 'policy'", "Service:Models:0")]
    [InlineData("Service:Models:0", "policy", "Service:Models:0 is 'policy'", "Name, Path, Engine, Precision")]
    [InlineData("Service:Models:0:Name", "a", "Service:Models:0:Path is missing", "")]
    [InlineData("Service:Models:0:Engine", "1", "Service:Models:0:Engine is '1'", "slots or genai")]
    [InlineData("Service:Models:0:Precision", "bf16", "Service:Models:0:Precision is 'bf16'", "fp32 or int8 or fp16")]
    [InlineData("Service:Device", "gpu", "Service:Device is 'gpu'", "cpu or cuda")]
    [InlineData("Service:CudaProviderLibrary", "x.so", "Service:CudaProviderLibrary is set", "set the device to cuda")]
    [InlineData("Service:Models:0:Name", "../x", "Service:Models:0:Name is '../x'", "must match")]
    [InlineData("Service:MaxQueue", "1", "Service:MaxSequences is 2048", "the queue holds 1")]
    [InlineData("Service:MaxTokens", "1", "Service:MaxTokens is 1", "0 (the model's context) or 2 to 1048576")]
    [InlineData("Service:Models:policy:Name", "x", "Service:Models:policy is no entry of a list", "Service:Models:0")]
    [InlineData("Service:ModelRoots:first", "x", "Service:ModelRoots:first is no entry of a list", "Service:ModelRoots:0")]
    [InlineData("Service:ModelRoots:0", "", "Service:ModelRoots:0 is empty", "a text")]
    [InlineData("Service:ModelRoots:0", " ", "Service:ModelRoots:0 is empty", "a text")]
    [InlineData("Service:MaxStreamsPerConnection", "0", "Service:MaxStreamsPerConnection is 0", "1 to 10000")]
    [InlineData("Service:MaxConnections", "0", "Service:MaxConnections is 0", "1 to 1048576")]
    [InlineData("Service:MaxHealthWatches", "0", "Service:MaxHealthWatches is 0", "1 to 1048576")]
    [InlineData("Service:SharePrefixes", "some", "Service:SharePrefixes is 'some'", "all or client or none")]
    [InlineData("Service:Tls", "cert.pem", "Service:Tls is 'cert.pem'", "CertificateFile, KeyFile")]
    [InlineData("Service:Tls:ReloadSeconds", "-1", "Service:Tls:ReloadSeconds is -1", "0 to 86400")]
    [InlineData("Service:Tls:Password", "x", "Service:Tls:Password is no setting", "KeyFile")]
    [InlineData("Service:Tls:CertificateFile", "cert.pem", "belong together", "Service:Tls:KeyFile")]
    [InlineData("Service:Tls:ClientCaFile", "ca.pem", "Service:Tls:ClientCaFile needs TLS", "Service:Tls:KeyFile")]
    public void Read_FaultyKey_IsNamedWithValueAndLimit(string key, string? value, string names, string limit)
    {
        var fault = Assert.Throws<UsageException>(() => Read((key, value)));

        Assert.Contains(names, fault.Message);
        Assert.Contains(limit, fault.Message);
    }

    [Fact]
    public void Read_SeveralFaults_ListsEach()
    {
        var fault = Assert.Throws<UsageException>(() => Read(("Service:MaxSlots", "0"), ("Service:Colour", "red"), ("Service:DrainSeconds", "-1")));

        Assert.Equal(3, fault.Message.Split('\n').Count(line => line.StartsWith("- ", StringComparison.Ordinal)));
    }

    [Fact]
    public void Read_FaultOfOneKeyAndFaultsOfKeysTogether_ListsEachOnce()
    {
        var fault = Assert.Throws<UsageException>(() => Read(
            ("Service:MaxSlots", "0"),
            ("Service:Tls:CertificateFile", "a.pem"),
            ("Service:MaxTokens", "1"),
            ("Service:Models:0:Path", "x"),
            ("Service:Models:1:Path", "y")));

        string[] lines = [.. fault.Message.Split('\n').Where(line => line.StartsWith("- ", StringComparison.Ordinal))];
        string[] expected = ["MaxSlots is 0", "belong together", "MaxTokens is 1", "Models:0:Name is missing", "Models:1:Name is missing"];
        Assert.Equal(expected.Length, lines.Length);
        Assert.All(expected, part => Assert.Contains(lines, line => line.Contains(part, StringComparison.Ordinal)));
    }

    [Fact]
    public void Read_TwoModelsOfOneName_Refuses()
    {
        var fault = Assert.Throws<UsageException>(() => Read(
            ("Service:Models:0:Name", "a"), ("Service:Models:0:Path", "x"), ("Service:Models:1:Name", "a"), ("Service:Models:1:Path", "y")));

        Assert.Contains("'a' 2 times", fault.Message);
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

    private static ServiceOptions Read(params (string Key, string? Value)[] settings) => OptionsReader.Read(new ConfigurationBuilder()
        .AddInMemoryCollection(settings.Select(setting => KeyValuePair.Create(setting.Key, setting.Value)))
        .Build());
}
