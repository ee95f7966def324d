using Rudder.Checkpoints;
using Rudder.Engine.Registry;
using Rudder.Engine.Tests.Support;

namespace Rudder.Engine.Tests.Registry;

public sealed class DevicePlacementTests
{
    // Enumerations of the product are internal: tests are public and take their numbers.
    private const int Fp32 = (int)GraphPrecision.Fp32, Int8 = (int)GraphPrecision.Int8, Fp16 = (int)GraphPrecision.Fp16;
    private const int Slots = (int)EngineKind.Slots, GenAi = (int)EngineKind.GenAi;
    private const int Cpu = (int)GraphDevice.Cpu, Cuda = (int)GraphDevice.Cuda;

    [Theory]
    [InlineData("tiny-gpt2", Slots, Fp32, Cpu)]
    [InlineData("tiny-gpt2", Slots, Int8, Cpu)]
    [InlineData("tiny-gpt2", GenAi, Fp32, Cpu)]
    [InlineData("tiny-gpt2", Slots, Fp16, Cuda)]
    [InlineData("tiny-roberta", Slots, Int8, Cpu)]
    [InlineData("tiny-roberta", Slots, Fp32, Cuda)]
    public void Require_WhatTheDeviceComputes_IsTaken(string model, int engine, int precision, int device) =>
        Require(model, engine, precision, device);

    [Theory]
    [InlineData("tiny-gpt2", Slots, Fp16, Cpu, "set Device to cuda")]
    [InlineData("tiny-gpt2", Slots, Fp32, Cuda, "--set fp16=true")]
    [InlineData("tiny-gpt2", Slots, Int8, Cuda, "precision is int8")]
    [InlineData("tiny-gpt2", GenAi, Fp16, Cuda, "Use the slots engine")]
    [InlineData("tiny-roberta", Slots, Int8, Cuda, "a classifier runs in fp32")]
    [InlineData("tiny-roberta", Slots, Fp16, Cuda, "a classifier runs in fp32")]
    public void Require_WhatItDoesNotCompute_IsRefusedWithTheRemedy(string model, int engine, int precision, int device, string remedy)
    {
        var e = Assert.Throws<RequestFault>(() => Require(model, engine, precision, device));
        Assert.Contains(remedy, e.Message);
        Assert.Contains("/models/m: ", e.Message);
    }

    [Fact]
    public void CheckConfig_Fp32GeneratorOnCuda_IsAFaultOfTheModel()
    {
        using var model = new TinyModel("tiny-gpt2");

        var faults = EngineHost.Check(new ModelSource("m", model.Folder), new EngineOptions { Device = GraphDevice.Cuda });

        Assert.Contains("--set fp16=true", Assert.Single(faults));
    }

    private static void Require(string model, int engine, int precision, int device)
    {
        using var folder = new TinyModel(model);
        DevicePlacement.Require(
            new ModelSource("m", "/models/m", (EngineKind)engine, (GraphPrecision)precision), ModelConfig.Load(folder.Folder), (GraphDevice)device);
    }
}
