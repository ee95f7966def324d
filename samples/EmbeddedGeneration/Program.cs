// Loads a generator and a classifier into this process, completes a prompt, streams another completion, and classifies both.
// Both folders need their ONNX graphs: trainer export --model FOLDER.
using Rudder.Engine;

if (args is not [var policy, var classifier, var text])
{
    Console.Error.WriteLine("usage: EmbeddedGeneration GENERATOR_FOLDER CLASSIFIER_FOLDER PROMPT");
    return 1;
}

try
{
    await using var engine = new EngineHost(new EngineOptions { MaxSlots = 4 });
    await engine.LoadAsync(new ModelSource("policy", policy));
    var labels = (await engine.LoadAsync(new ModelSource("reward", classifier))).Labels;
    var request = new GenerationRequest { Prompts = [new PromptContent { Text = text }], MaxNewTokens = 16, Seed = 7 };

    // 1. Draw a whole completion.
    string completion = (await engine.GenerateAsync("policy", request))[0][0].Text;
    Console.WriteLine($"completion: {completion}");

    // 2. Stream the same one: equal seeds draw equal tokens.
    Console.Write("stream: ");
    await foreach (var step in engine.StreamAsync("policy", request))
    {
        Console.Write(step.Token?.Text ?? "\n");
    }

    // 3. Classify prompt and completion.
    var result = (await engine.ClassifyAsync("reward", [text + completion]))[0];
    Console.WriteLine(string.Join(", ", labels.Zip(result.Probabilities, (label, p) => $"{label}: {p:F3}")));
    return 0;
}
catch (RequestFault fault)
{
    Console.Error.WriteLine(fault.Message);
    return 2;
}
